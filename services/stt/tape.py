"""The newest caller frames of a call: the lead-in of the next turn, and the whole present one."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from services.audio.frames import FRAME_BYTES, FRAME_MS, CallerSound

LEAD_IN_FRAMES: Final = 300 // FRAME_MS  # the start of speech is known about 100 ms late
_QUIET_FRAMES: Final = 1_000 // FRAME_MS  # kept while no turn is open: lead-in and a late event
_TURN_FRAMES: Final = 15_000 // FRAME_MS  # kept of a turn, as long as the AUDIO stream keeps


class Tape:
    """Frames as they came, in rising order of their numbers; none twice, holes possible."""

    def __init__(self) -> None:
        self._sounds: deque[CallerSound] = deque()
        self._frames, self._most = 0, _QUIET_FRAMES
        self.last = 0  # the number of the newest frame kept; 0 when there is none

    @property
    def first(self) -> int:
        """The number of the oldest frame kept; 0 when there is none."""
        return self._sounds[0].number if self._sounds else 0

    def add(self, sound: CallerSound) -> bool:
        """Take the newest frames. False when they are not new: they were left out."""
        last = sound.last
        if last <= self.last:
            return False
        self._frames += last - sound.number + 1
        self.last = last
        self._sounds.append(sound)
        if self._frames > self._most:
            self._forget()
        return True

    def hold_from(self, number: int) -> None:
        """Keep this frame and all that follow, up to 15 s of them; forget the earlier ones."""
        self._most = _TURN_FRAMES
        self._keep(sound for sound in self._sounds if sound.last >= number)

    def let_go(self) -> None:
        """Keep only the lead-in of the next turn from now on."""
        self._most = _QUIET_FRAMES
        self._forget()

    def insert(self, missing: Iterable[CallerSound]) -> None:
        """Put in frames that were fetched from elsewhere; those known already are left out."""
        known = {frame.number: frame for sound in missing for frame in sound.frames()}
        known.update((frame.number, frame) for frame in self.since(0))
        self._keep(known[number] for number in sorted(known))
        self._forget()

    def since(self, number: int) -> Iterator[CallerSound]:
        """The frames kept from `number` on, each by itself."""
        for sound in tuple(self._sounds):
            if sound.last >= number:
                yield from (frame for frame in sound.frames() if frame.number >= number)

    def _keep(self, sounds: Iterable[CallerSound]) -> None:
        self._sounds = deque(sounds)
        self._frames = sum(len(sound.mulaw) for sound in self._sounds) // FRAME_BYTES
        self.last = self._sounds[-1].last if self._sounds else 0

    def _forget(self) -> None:
        while self._frames > self._most:
            self._frames -= len(self._sounds.popleft().mulaw) // FRAME_BYTES
