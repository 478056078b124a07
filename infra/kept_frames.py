"""The newest frames that were published, to be published again when a connection is back.

A server that dies takes along what it was last given, and with one node the AUDIO stream itself,
which is held in memory. Who gets a frame twice knows it by its number.
"""

import time
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

_KEPT_S: Final = 8.0  # longer than it takes to notice that a server stalls
_MOST: Final = 250_000  # while the server is away: 1000 calls for 5 s, 100 for 50 s


class _Frame(NamedTuple):
    at_s: float
    subject: str
    payload: bytes


class KeptFrames:
    """Those of the last 8 s. While `away`, all that come are kept and none is forgotten."""

    def __init__(self) -> None:
        self._frames: deque[_Frame] = deque(maxlen=_MOST)
        self.away = False

    def add(self, subject: str, payload: bytes) -> None:
        """Keep a frame."""
        now_s = time.monotonic()
        self._frames.append(_Frame(now_s, subject, payload))
        while not self.away and self._frames[0].at_s < now_s - _KEPT_S:
            self._frames.popleft()

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Subject and payload, in the order they came, those included that come meanwhile."""
        newest = 0
        while newest < len(self._frames):
            for frame in list(self._frames)[newest:]:
                yield frame.subject, frame.payload
                newest += 1
