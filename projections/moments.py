"""Times as PostgreSQL keeps them."""

from typing import Final, TypeAlias

from infra.postgres import EPOCH

Moment: TypeAlias = int
"""Microseconds since 2000 (UTC), which infra.postgres takes as a timestamptz. A rebuild stores some
four for each event: as datetimes they would take five times as long to pack."""

_EPOCH_S: Final = int(EPOCH.timestamp())
_EPOCH_MS: Final = _EPOCH_S * 1000
_EXACT_MS: Final = 1 << 42  # in 2109: until then `_rounded` loses less than half a microsecond
_YEAR_1: Final = -63_082_281_600_000_000
_YEAR_10000: Final = 252_455_616_000_000_000


def moment(unix_ms: float) -> Moment:
    """UNIX time in milliseconds, to the nearest microsecond. Raises OverflowError, see `later`."""
    if 0 <= unix_ms < _EXACT_MS:
        if type(unix_ms) is int:
            return (unix_ms - _EPOCH_MS) * 1000
        unix_us = round(unix_ms * 1000)
        if unix_us / 1_000_000 * 1000 == unix_ms:  # whole, as the server's times are: infra.stamps
            return unix_us - _EPOCH_MS * 1000
    return _rounded(unix_ms)


def _rounded(unix_ms: float) -> Moment:
    """As datetime rounds it."""
    unix_s = unix_ms / 1000
    whole_s = int(unix_s)
    return _readable((whole_s - _EPOCH_S) * 1_000_000 + round((unix_s - whole_s) * 1e6))


def later(at: Moment, ms: float) -> Moment:
    """So many milliseconds later. Raises OverflowError for a year that no datetime can have: who
    reads the tables gets datetimes."""
    return _readable(at + round(ms * 1000))


def _readable(at: Moment) -> Moment:
    if _YEAR_1 <= at < _YEAR_10000:
        return at
    raise OverflowError("no datetime")
