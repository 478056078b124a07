"""Whether a frame comes late, though the clocks of gateway and host differ."""

from typing import Final

from services.audio.frames import FRAME_MS

_LATE_MS: Final = 400  # less than the silence between two turns: news of both is not mixed up
_SPAN_SOUNDS: Final = 10_000 // (
    2 * FRAME_MS
)  # of two frames; longer than a host that is not dead is held up


class Lateness:
    """Compares the way of each sound with the shortest of the last 10 to 20 s.

    Before it has seen that much it takes the clocks for equal. A clock that is set counts as a
    difference from then on.
    """

    def __init__(self) -> None:
        self._shortest_ms = 0.0  # of the span before
        self._shortest_yet_ms = float("inf")  # of this span
        self._sounds = 0

    def is_late(self, sent_ms: float, came_ms: float) -> bool:
        """Whether this host was held up: frames say now what happened a while ago.

        Args: sent_ms: by the gateway's clock; came_ms: by ours.
        """
        took_ms = came_ms - sent_ms
        self._shortest_yet_ms = min(self._shortest_yet_ms, took_ms)
        self._sounds += 1
        late = took_ms - min(self._shortest_ms, self._shortest_yet_ms) > _LATE_MS
        if self._sounds == _SPAN_SOUNDS:
            self._shortest_ms, self._shortest_yet_ms = self._shortest_yet_ms, float("inf")
            self._sounds = 0
        return late
