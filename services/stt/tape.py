"""The newest caller frames of a call: the lead-in of the next turn, and the whole present one."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from services.audio.frames import FRAME_MS, CallerFrame

LEAD_IN_FRAMES: Final = 300 // FRAME_MS  # the start of speech is known about 100 ms late
_QUIET_FRAMES: Final = 1_000 // FRAME_MS  # kept while no turn is open: lead-in and a late event
_TURN_FRAMES: Final = 15_000 // FRAME_MS  # kept of a turn, as long as the AUDIO stream keeps


class Tape:
    """Frames in rising order of their numbers; none twice, holes possible."""

    def __init__(self) -> None:
        self._frames: deque[CallerFrame] = deque(maxlen=_TURN_FRAMES)
        self._held_from: int | None = None

    @property
    def first(self) -> int:
        """The number of the oldest frame kept; 0 when there is none."""
        return self._frames[0].number if self._frames else 0

    @property
    def last(self) -> int:
        """The number of the newest frame kept; 0 when there is none."""
        return self._frames[-1].number if self._frames else 0

    def add(self, frame: CallerFrame) -> bool:
        """Take the newest frame. False when it is not new: it was left out."""
        if frame.number <= self.last:
            return False
        self._frames.append(frame)
        if self._held_from is None and len(self._frames) > _QUIET_FRAMES:
            self._frames.popleft()
        return True

    def hold_from(self, number: int) -> None:
        """Keep this frame and all that follow, up to 15 s of them; forget the earlier ones."""
        self._held_from = number
        while self._frames and self._frames[0].number < number:
            self._frames.popleft()

    def let_go(self) -> None:
        """Keep only the lead-in of the next turn from now on."""
        self._held_from = None
        while len(self._frames) > _QUIET_FRAMES:
            self._frames.popleft()

    def insert(self, missing: Iterable[CallerFrame]) -> None:
        """Put in frames that were fetched from elsewhere; those known already are left out."""
        known = {frame.number: frame for frame in missing}
        known.update((frame.number, frame) for frame in self._frames)
        self._frames = deque((known[n] for n in sorted(known)), maxlen=_TURN_FRAMES)

    def since(self, number: int) -> Iterator[CallerFrame]:
        """The kept frames from this number on."""
        return (frame for frame in tuple(self._frames) if frame.number >= number)
