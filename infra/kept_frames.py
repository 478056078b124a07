"""The newest frames that were published, to be published again when a connection is back.

A server that dies takes along what it was last given, and with one node the AUDIO stream itself,
which is held in memory. Who gets a frame twice knows it by its number. Who hears of a caller's
speech from the log alone asks for its frames when the log has it: so while the log takes nothing,
and for as long again after it, frames are kept that came shortly before it fell silent.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

_KEPT_S: Final = 8.0  # longer than it takes to notice that a server stalls
_MOST: Final = 250_000  # while the server is away: 1000 calls for 5 s, 100 for 50 s
_LONG_S: Final = 1.0  # an append that takes longer tells that the log takes nothing


class _Frame(msgspec.Struct, frozen=True, gc=False):  # thousands a call: no search for cycles
    at_s: float
    subject: str
    payload: bytes


class KeptFrames:
    """Those of the last 8 s. While `away`, all that come are kept and none is forgotten."""

    def __init__(self) -> None:
        self._frames: deque[_Frame] = deque(maxlen=_MOST)
        self._appends: dict[object, float] = {}  # under way, the oldest first: when they began
        self._silent_from_s, self._until_s = 0.0, 0.0  # the log's last silence; how long it counts
        self.away = False

    def add(self, subject: str, payload: bytes) -> None:
        """Keep a frame."""
        now_s = time.monotonic()
        self._frames.append(_Frame(now_s, subject, payload))
        oldest_s = self._wanted_from_s(now_s) - _KEPT_S
        while not self.away and self._frames[0].at_s < oldest_s:
            self._frames.popleft()

    @contextmanager
    def appending(self) -> Iterator[None]:
        """During the block the log is to take something."""
        append, began_s = object(), time.monotonic()
        self._appends[append] = began_s
        try:
            yield
        finally:
            del self._appends[append]
            now_s = time.monotonic()
            if now_s - began_s > _LONG_S:
                before_s = self._silent_from_s if now_s < self._until_s else began_s
                self._silent_from_s, self._until_s = min(before_s, began_s), now_s + _KEPT_S

    def _wanted_from_s(self, now_s: float) -> float:
        oldest_s = next(iter(self._appends.values()), now_s)
        return min(oldest_s, self._silent_from_s) if now_s < self._until_s else oldest_s

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Subject and payload, in the order they came, those included that come meanwhile."""
        newest = 0
        while newest < len(self._frames):
            for frame in list(self._frames)[newest:]:
                yield frame.subject, frame.payload
                newest += 1
