"""Times as PostgreSQL keeps them."""

from typing import Final, TypeAlias

from infra.postgres import EPOCH

Moment: TypeAlias = int
"""Microseconds since 2000 (UTC), which infra.postgres takes as a timestamptz. A rebuild stores some
four for each event: as datetimes they would take five times as long to pack."""

_EPOCH_S: Final = int(EPOCH.timestamp())
_EPOCH_US: Final = _EPOCH_S * 1_000_000
_NEAR_MS: Final = 2_147_483_648_000.0  # 2 ** 31 seconds, in 2038
_YEAR_1: Final = -63_082_281_600_000_000
_YEAR_10000: Final = 252_455_616_000_000_000


def moment(unix_ms: float) -> Moment:
    """UNIX time in milliseconds, to the nearest microsecond. Raises OverflowError, see `later`.

    Before 2038 a float's own error, that of the product and that of the quotient in `_rounded` are
    an eighth of a microsecond each: what is so near to a whole one is rounded to it by all.
    """
    if 0 <= unix_ms < _NEAR_MS:
        unix_us = unix_ms * 1000
        whole_us = int(unix_us + 0.5)
        if abs(unix_us - whole_us) <= 0.25:
            return whole_us - _EPOCH_US
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
