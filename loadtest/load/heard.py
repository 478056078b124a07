"""What callers saw, as one process of them hands it over. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec


class Timed(NamedTuple):
    """A figure and when it was found."""

    at_s: float  # monotonic seconds: one clock for all processes of a machine
    ms: float


class Late(NamedTuple):
    """How late the callers' own clock was within one second."""

    at_s: float
    p99_ms: float
    worst_ms: float


class Heard(msgspec.Struct, kw_only=True):
    """Of any number of callers; times in milliseconds."""

    waits: list[Timed] = []  # last speech frame sent to first agent audio received, as it is
    barge_ins: list[Timed] = []  # first frame over the reply sent to `clear` received
    backs: list[Timed] = []  # line lost to first agent audio on the new one
    keys: list[Timed] = []  # key pressed to first agent audio
    gaps_ms: list[float] = []
    turns: int = 0
    lost: int = 0  # turns without a reply
    doubled: int = 0  # replies that were said twice, by their length
    cut_short: int = 0  # replies of which a part never came
    unheeded: int = 0  # barge-ins that stopped nothing
    said: int = 0  # frames that callers sent, 20 ms each
    frames: int = 0  # of agent audio, 20 ms each
    late_frames: int = 0
    marks_twice: int = 0
    calls: int = 0  # that were answered
    refused: int = 0  # that were turned away with a phrase, or by the socket
    put_off: int = 0  # times that a caller was asked to wait before an answer
    phrase_s: float = 0.0  # of the phrase that asks a caller to wait, in mid-call
    failed: int = 0  # that broke
    closed: int = 0  # sockets that the other end closed
    call_s: float = 0.0  # of all calls together
    cpu_s: float = 0.0  # that the callers themselves used
    ticks_late_ms: list[float] = []
    late: list[Late] = []
    faults: dict[str, int] = {}  # kinds of errors, and how often

    def fault(self, kind: str) -> None:
        """Something broke."""
        self.failed += 1
        self.faults[kind] = self.faults.get(kind, 0) + 1


def together(parts: Iterable[Heard]) -> Heard:
    """What all processes of callers saw."""
    whole = Heard()
    for part in parts:
        for name in Heard.__struct_fields__:
            ours, theirs = getattr(whole, name), getattr(part, name)
            if isinstance(theirs, dict):
                merged = {key: ours.get(key, 0) + theirs.get(key, 0) for key in ours | theirs}
                setattr(whole, name, merged)
            else:
                setattr(whole, name, ours + theirs)
    return whole
