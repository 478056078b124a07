"""Rings are taken at a pace: what a call costs is felt once it talks, seconds after its ring.

Without one, a second's stampede is let in whole before anything is late. Pure: times are given.
"""

from typing import Final

_AT_ONCE_S: Final = 0.5  # rings of so long are taken as they come


class Pace:
    """So many a second, those of half a second at once."""

    def __init__(self, per_s: int) -> None:
        self._every_s = 1 / per_s
        self._due_s = 0.0  # when the next would come if all came evenly

    def turn(self, now_s: float, most_s: float) -> float | None:
        """Seconds that a ring waits for its turn. None: over `most_s`, and it gets no turn."""
        due_s = max(self._due_s, now_s)
        wait_s = due_s - _AT_ONCE_S - now_s
        if wait_s > most_s:
            return None
        self._due_s = due_s + self._every_s
        return max(0.0, wait_s)
