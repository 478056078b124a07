"""Frames on their way to a vendor: what waits is bounded, and a pause in it is noticed."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

WAITING_FRAMES: Final = 750  # 15 s: all a takeover may find of a turn, see services.stt.replay
FINISH: Final = b""  # stands among the waiting frames; an empty message would end most streams


class Outbox:
    """One call's frames, put together to messages, and where its turns were to be over."""

    def __init__(self, frames_a_message: int) -> None:
        self.dropped_frames = 0  # given up because the vendor took no more
        self._most = frames_a_message
        self._waiting: deque[bytes] = deque()
        self._finishes = 0  # among them
        self._due = asyncio.Event()  # there is a whole message, or a FINISH

    def add(self, frame: bytes) -> None:
        """Take a frame. The oldest one goes when 15 s of them wait."""
        if not frame:
            return
        if len(self._waiting) >= WAITING_FRAMES:
            self._drop_oldest()
        self._waiting.append(frame)
        self._look()

    def finish(self) -> None:
        """All that waits is to go out now, and then FINISH."""
        self._waiting.append(FINISH)
        self._finishes += 1
        self._look()

    async def next(self, idle_s: float) -> bytes | None:
        """The next message of audio, or FINISH. None: nothing waits, and none came for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(idle_s):
                await self._due.wait()
        if not self._waiting:
            return None
        message = self._message()
        self._look()
        return message

    def _message(self) -> bytes:
        frames: list[bytes] = []
        while self._waiting and self._waiting[0] and len(frames) < self._most:
            frames.append(self._waiting.popleft())
        if not frames:
            self._waiting.popleft()
            self._finishes -= 1
        return b"".join(frames)

    def _look(self) -> None:
        if self._finishes or len(self._waiting) >= self._most:
            self._due.set()
        else:
            self._due.clear()

    def _drop_oldest(self) -> None:
        oldest = next((place for place, item in enumerate(self._waiting) if item), None)
        if oldest is not None:
            del self._waiting[oldest]
            self.dropped_frames += 1
