"""An ear at the end of a WebSocket: what all vendors that stream both ways have in common."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from websockets.exceptions import WebSocketException

from services.stt.provider import Heard, RecognitionFailed
from services.stt.providers.outbox import FINISH, Outbox

CLOSE_S: Final = 2.0


class Wire(Protocol):
    """One connection to a vendor, spoken to in its own words.

    Sending and receiving may raise WebSocketException and OSError; receiving also ValueError, for
    what makes no sense.
    """

    async def send(self, audio: bytes) -> None:
        """Send some frames, never none."""
        ...

    async def finish(self) -> None:
        """Ask for the final words of what was sent."""
        ...

    async def keep_alive(self) -> None:
        """Nothing was sent for a while."""
        ...

    async def receive(self) -> Any:
        """The vendor's next message."""
        ...

    async def hear(self, message: Any, *, asked: bool) -> Sequence[Heard]:
        """What a message tells. `asked`: a final is due, be it empty. Raises RecognitionFailed."""
        ...

    def conclude(self) -> Heard:
        """The vendor left a `finish` without answer: the final of what it said until now."""
        ...

    def failed(self, failure: Exception) -> RecognitionFailed:
        """What to raise `from None` in place of the SDK's own failure."""
        ...

    async def hang_up(self) -> None:
        """Close politely. May take as long as it takes; does not raise."""
        ...

    def cut(self) -> None:
        """Close at once, also amid `hang_up`."""
        ...


class SocketEar:
    """One call's connection: a task that sends, a task that listens, and queues between."""

    def __init__(
        self,
        wire: Wire,
        *,
        frames_a_message: int,
        keep_alive_s: float,  # without anything to send
        final_s: float,  # a `finish` waits for its final
        stalled_frames: int = 0,  # of sound without a word of the vendor: gone; 0: may be silent
    ) -> None:
        self._wire, self._keep_alive_s, self._final_s = wire, keep_alive_s, final_s
        self._outbox = Outbox(frames_a_message)
        self._heard: asyncio.Queue[Heard | RecognitionFailed | None] = asyncio.Queue()
        self._stalled_frames = stalled_frames
        self._unanswered_frames = 0  # fed since the vendor last said anything
        self._asked = self._answered = 0  # finals asked for by `finish`, and given since
        self._tasks = {asyncio.create_task(self._send()), asyncio.create_task(self._listen())}
        self._closing: asyncio.Task[None] | None = None

    @property
    def dropped_frames(self) -> int:
        """Frames given up because the vendor took no more."""
        return self._outbox.dropped_frames

    def feed(self, frame: bytes) -> None:
        """Take 20 ms of mu-law, 8 kHz. The oldest frame goes when 15 s of them wait."""
        self._outbox.add(frame)
        self._unanswered_frames += 1

    def finish(self) -> None:
        """Ask for the final words of what was fed; they come within `final_s`, if only empty.

        Or the ear fails then, where the vendor has not said a word to much sound.
        """
        self._outbox.finish()
        self._asked += 1
        asyncio.get_running_loop().call_later(self._final_s, self._settle, self._asked)

    async def heard(self) -> AsyncGenerator[Heard]:
        """What is recognised, until `close`. Raises RecognitionFailed."""
        while (heard := await self._heard.get()) is not None:
            if isinstance(heard, RecognitionFailed):
                raise heard from None
            yield heard

    async def close(self) -> None:
        """Hang up. Waits 2 s for the vendor's goodbye, then cuts the line."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _send(self) -> None:
        with suppress(WebSocketException, OSError):  # the listening task meets it, and reports
            while True:
                message = await self._outbox.next(self._keep_alive_s)
                if message is None:
                    await self._wire.keep_alive()
                elif message == FINISH:
                    await self._wire.finish()
                else:
                    await self._wire.send(message)

    async def _listen(self) -> None:
        try:
            while True:
                message = await self._wire.receive()
                self._unanswered_frames = 0
                asked = self._answered < self._asked
                for heard in await self._wire.hear(message, asked=asked):
                    self._give(heard)
        except RecognitionFailed as failure:
            self._heard.put_nowait(failure)
        except (WebSocketException, OSError, ValueError) as failure:
            self._heard.put_nowait(self._wire.failed(failure))
        finally:
            self._heard.put_nowait(None)

    def _give(self, heard: Heard) -> None:
        if heard.final:
            self._answered = min(self._answered + 1, self._asked)
        self._heard.put_nowait(heard)

    def _settle(self, asked: int) -> None:
        """The vendor left a `finish` without answer: answer with what it said so far."""
        if 0 < self._stalled_frames <= self._unanswered_frames and self._answered < asked:
            return self._heard.put_nowait(self._wire.failed(TimeoutError()))
        while self._answered < asked and self._closing is None:
            self._give(self._wire.conclude())

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        goodbye = asyncio.create_task(self._wire.hang_up())
        if not (await asyncio.wait({goodbye}, timeout=CLOSE_S))[0]:
            self._wire.cut()
        await goodbye
        for task in self._tasks:
            if not task.cancelled():
                task.result()
