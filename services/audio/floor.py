"""How loud a line is when nobody speaks.

Where there is no speech the floor falls quickly and rises slowly. Speech teaches it nothing; but
speech has gaps, so what never fell below a level for three seconds is not speech but a hum, and
that level becomes the floor.
"""

from typing import Final

_FALL: Final = 0.15  # of the difference, in each quieter frame
_RISE: Final = 0.02  # of the difference, in each louder frame that is no speech
_BLOCK_FRAMES: Final = 25  # 500 ms: how often the quietest frame is looked up
_BLOCKS: Final = 6  # 3 s: how far back


class NoiseFloor:
    """The noise floor of one call, in root mean squares of 16-bit samples."""

    def __init__(self) -> None:
        self.rms = 0.0
        self._seen = 0  # frames of the present block
        self._quietest = float("inf")  # of the present block
        self._blocks: list[float] = []  # the quietest frame of each past block

    def learn(self, rms: float, *, noise: bool) -> None:
        """Take in one frame; `noise` when it is known not to be speech."""
        if rms < self.rms:
            self.rms += _FALL * (rms - self.rms)
        elif noise:
            self.rms += _RISE * (rms - self.rms)
        if rms < self._quietest:
            self._quietest = rms
        self._seen += 1
        if self._seen == _BLOCK_FRAMES:
            self._look_back()

    def _look_back(self) -> None:
        self._blocks.append(self._quietest)
        self._seen, self._quietest = 0, float("inf")
        if len(self._blocks) >= _BLOCKS:
            self.rms = max(self.rms, min(self._blocks))
            del self._blocks[0]
