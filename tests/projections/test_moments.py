"""Times on their way from the log into the tables."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.stamps import stored_ms
from projections.moments import later, moment

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
UNIX_MS = st.integers(-(10**12), 10**14) | st.floats(-1e12, 1e14)


@given(UNIX_MS)
def test_a_time_is_rounded_as_datetime_rounds_it(unix_ms: float) -> None:
    """So rows are to the bit those that were made when they held datetimes."""
    as_datetime = datetime.fromtimestamp(unix_ms / 1000, UTC)
    assert EPOCH + timedelta(microseconds=moment(unix_ms)) == as_datetime


@given(st.integers(0, 2**31 * 10**9))
def test_a_time_the_server_stored_is_kept_to_the_microsecond(stored_ns: int) -> None:
    """Until 2038: milliseconds as a float tell no single microsecond for ever."""
    stored_at = datetime.fromtimestamp(stored_ns / 1_000_000_000.0, UTC)
    assert EPOCH + timedelta(microseconds=moment(stored_ms(stored_ns))) == stored_at


@given(st.floats(0, 1e9))
def test_so_does_what_is_later(ms: float) -> None:
    assert later(moment(0), ms) - moment(0) == timedelta(milliseconds=ms) // timedelta(
        microseconds=1
    )


@pytest.mark.parametrize("unix_ms", [-62_135_596_800_001, 253_402_300_800_000, 10**17])
def test_a_year_nobody_could_read_is_refused(unix_ms: int) -> None:
    with pytest.raises(OverflowError):
        moment(unix_ms)
    with pytest.raises(OverflowError):
        later(moment(0), unix_ms)
