"""Whether another call is taken: by how late everything is, and with patience on the way back.

Pure: times are given. Refusing begins at once, since each call taken makes the others later; it
ends when all has been well below the limit for a while, or rings would be let in and turned away
by turns.
"""

from typing import Final, NamedTuple, TypeAlias

CALM_S: Final = 2.0
_WELL_BELOW: Final = 0.5  # of the limit


class Open(NamedTuple):
    """Rings are taken."""


class Busy(NamedTuple):
    """Rings are refused; calls that run are left alone."""

    calm_since_s: float | None = None  # well below the limit since then; None: it is not


Room: TypeAlias = Open | Busy
OPEN: Final = Open()


def judge(room: Room, late_ms: float, now_s: float, limit_ms: int) -> Room:
    """What follows from being so late now. `limit_ms` 0: nothing is ever refused."""
    if not limit_ms:
        return OPEN
    match room:
        case Open():
            return Busy() if late_ms > limit_ms else room
        case Busy(calm_since_s=since_s):
            if late_ms > limit_ms * _WELL_BELOW:
                return Busy()
            since_s = now_s if since_s is None else since_s
            return OPEN if now_s - since_s >= CALM_S else Busy(since_s)
