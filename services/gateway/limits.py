"""When a line is given up: one timer for all its limits, and nothing to do for each frame."""

import asyncio
from collections.abc import Callable
from typing import Final

from contracts import agent
from contracts.line import EndReason

_HELD_UP_S: Final = 0.5
_AGAIN_S: Final = 0.25


class Limits:
    """Watches one line. Times are the loop's own."""

    def __init__(
        self,
        limits: agent.Limits,
        active: Callable[[], bool],
        on_reached: Callable[[EndReason], None],
        elapsed_ms: int = 0,
    ) -> None:
        """`active`: whether caller or agent speak just now; `on_reached` is called once;
        `elapsed_ms`: since the call was first answered."""
        self._active, self._on_reached = active, on_reached
        self._loop: Final = asyncio.get_running_loop()
        self._media_s = limits.media_silence_ms / 1000
        self._inactivity_s = limits.inactivity_ms / 1000
        now_s = self._loop.time()
        self._over_at_s = now_s + (limits.duration_ms - elapsed_ms) / 1000
        self._media_at_s = now_s
        self._active_at_s = now_s
        self._reached = False  # as it looked a moment ago
        self._look_at(now_s)

    def heard_media(self) -> None:
        """A frame came."""
        self._media_at_s = self._loop.time()

    def heard_activity(self) -> None:
        """Somebody spoke or pressed a key."""
        self._active_at_s = self._loop.time()

    def stop(self) -> None:
        """Watch no more."""
        self._timer.cancel()

    def _look_at(self, at_s: float) -> None:
        self._due_s = at_s
        self._timer = self._loop.call_at(at_s, self._look)

    def _look(self) -> None:
        now_s = self._loop.time()
        if now_s - self._due_s > _HELD_UP_S:  # this process stood still: what came meanwhile is
            return self._look_at(now_s + _HELD_UP_S)  # still in its sockets, so it is read first
        if self._active():
            self.heard_activity()
        deadlines: tuple[tuple[float, EndReason], ...] = (
            (self._media_at_s + self._media_s, "media_lost"),
            (self._active_at_s + self._inactivity_s, "inactivity"),
            (self._over_at_s, "duration"),
        )
        next_s, reason = min(deadlines)
        if next_s > now_s:
            self._reached = False
            self._look_at(next_s)
        elif not self._reached:  # it may have stood still until just now: what came is read first
            self._reached = True
            self._look_at(now_s + _AGAIN_S)
        else:
            self._on_reached(reason)
