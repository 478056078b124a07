"""What a proxy makes of single messages."""

from collections.abc import Callable
from typing import Final, NamedTuple


class Fate(NamedTuple):
    """What becomes of one message. Other messages overtake one that is late."""

    copies: int = 1  # 0: it is lost
    late_s: float = 0.0  # a publish still arrives when its connection was cut meanwhile
    cut: bool = False  # its connection, once the copies that are not late are through


PASS: Final = Fate()
LOST: Final = Fate(copies=0)
TWICE: Final = Fate(copies=2)
CUT_BEFORE: Final = Fate(copies=0, cut=True)
CUT_AFTER: Final = Fate(cut=True)


class Publish(NamedTuple):
    """A publish to a watched subject."""

    number: int  # of this proxy's, starts at 1
    subject: str
    id: str  # Nats-Msg-Id; empty when it has none
    payload: bytes


Fates = Callable[[Publish], Fate]


def in_turn(*fates: Fate) -> Fates:
    """The first message's fate, the second's and so on; after the last all pass."""
    left = iter(fates)
    return lambda _: next(left, PASS)
