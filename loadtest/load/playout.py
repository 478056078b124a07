"""How the agent's sound fits into real time at the caller's ear. Pure: times are given, in seconds.

Two measures, for one alone says too little. A frame is late when it comes more than 20 ms behind
its place, counted from the reply's first frame, with no buffer in between and nothing forgiven: a
reply that was held up once is late from there on. A gap is what the caller hears: the buffer, which
plays on as Twilio's does, was empty in the middle of a reply for more than 20 ms.
"""

import math
from collections import deque
from typing import Final, NamedTuple

FRAME_S: Final = 0.02
BYTES_PER_S: Final = 8_000  # mu-law, 8 kHz
FRAME_BYTES: Final = 160
LATE_S: Final = 0.02
_BARELY_S: Final = 1e-9  # less than any clock tells apart


class _Mark(NamedTuple):
    due_s: float  # when all sound before it is played
    name: str


class Playout:
    """One caller's buffer."""

    def __init__(self) -> None:
        self.frames = self.late_frames = 0
        self.gaps_ms: list[float] = []
        self.twice = 0  # marks whose name had come before
        self.reply_ms = 0.0  # of the present reply, received so far
        self.phrase_ms = 0.0  # of the phrase that asks to wait, in all
        self.heard_at: float | None = None  # the present reply's first sound; None: none yet
        self.cleared_at: float | None = None  # the newest `clear`
        self._dry_at = 0.0  # when all that was received is played
        self._marks: deque[_Mark] = deque()
        self._names: set[str] = set()

    def listen(self) -> None:
        """What comes from now on is another reply."""
        self.heard_at, self.reply_ms = None, 0.0

    def playing(self, now_s: float) -> bool:
        """The agent is in the caller's ear."""
        return now_s < self._dry_at

    def quiet_s(self, now_s: float) -> float:
        """For how long nothing was heard and nothing is due any more; 0: the agent speaks."""
        return 0.0 if self._marks else max(0.0, now_s - self._dry_at)

    def sound(self, size_bytes: int, now_s: float) -> None:
        """A piece of the agent's sound came."""
        if self.heard_at is None:
            self.heard_at = now_s
            self._dry_at = max(self._dry_at, now_s)  # what was left of the reply before is played
            self._begun_at = self._dry_at
        frames = math.ceil(size_bytes / FRAME_BYTES)
        behind_s = now_s - (self._begun_at + self.reply_ms / 1000)
        late = math.ceil((behind_s - LATE_S - _BARELY_S) / FRAME_S)
        self.frames += frames
        self.late_frames += min(frames, max(0, late))
        if now_s - self._dry_at > LATE_S + _BARELY_S:
            self.gaps_ms.append((now_s - self._dry_at) * 1000)
        self._dry_at = max(self._dry_at, now_s) + size_bytes / BYTES_PER_S
        self.reply_ms += size_bytes / BYTES_PER_S * 1000

    def phrase(self, size_bytes: int, now_s: float) -> None:
        """A piece of the phrase that asks the caller to wait came: no part of any reply."""
        self._dry_at = max(self._dry_at, now_s) + size_bytes / BYTES_PER_S
        self.phrase_ms += size_bytes / BYTES_PER_S * 1000

    def mark(self, name: str) -> None:
        """An echo is wanted when all sound so far is played."""
        self.twice += name in self._names
        self._names.add(name)
        self._marks.append(_Mark(self._dry_at, name))

    def clear(self, now_s: float) -> list[str]:
        """The buffer is emptied: the marks to be echoed at once, as Twilio does."""
        self.cleared_at, self._dry_at = now_s, min(self._dry_at, now_s)
        return self._take(math.inf)

    def reached(self, now_s: float) -> list[str]:
        """Marks to be echoed now."""
        return self._take(now_s) if self._marks else []

    def forget(self, now_s: float) -> None:
        """The line is lost, and with it the buffer."""
        self._marks.clear()
        self._dry_at = min(self._dry_at, now_s)

    def _take(self, until_s: float) -> list[str]:
        names = []
        while self._marks and self._marks[0].due_s <= until_s:
            names.append(self._marks.popleft().name)
        return names
