"""A caller on the loopback: places a call the way Twilio does, and hears as a telephone would.

What the agent sends is played at the speed of speech from the stream's buffer. While the line is
broken the caller goes on in time: what is said then is lost, and nothing is heard.
"""

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from services.audio.frames import FRAME_BYTES, FRAME_MS, SILENT_FRAME
from services.audio.mulaw import level_rms
from services.cli.carrying import Break, Carrying
from services.cli.exchange import ACCOUNT, CallRefused, Exchange
from services.cli.media_stream import MediaStream

__all__ = ["Break", "CallRefused", "Caller", "place_call"]
_TICK_S: Final = FRAME_MS / 1000
_LOUD_RMS: Final = 200  # of 16-bit samples
_QUIET_S: Final = 0.4  # after the agent's last audio, before the caller thinks it is done
_FAREWELL_S: Final = 5.0


class Caller:
    """One call from the caller's end. Made by `place_call`."""

    def __init__(self, exchange: Exchange, sid: str) -> None:
        self.closed: Final = asyncio.Event()  # the call is over
        self.last_speech: float = 0.0  # monotonic seconds at which the last word's frame was said
        self.first_audio: float | None = None  # of the agent, after `last_speech`
        self.last_audio: float = 0.0  # when agent audio was last played
        self.late_frames = 0  # agent audio that came after its place in time had passed
        self._carrier = Carrying(exchange, sid, self._on_audio)
        self._to_say: deque[bytes] = deque()
        self._silent_tail = 0  # frames at the end of what is said that hold no speech
        self._said = asyncio.Event()
        self._said.set()
        self._news = asyncio.Event()

    @property
    def call(self) -> str:
        """The platform's id of the call."""
        return self._carrier.call

    @property
    def lines(self) -> int:
        """How often sound began to flow."""
        return self._carrier.lines

    @property
    def breaks(self) -> Sequence[Break]:
        """The times without a line, the last of which may be the end of the call."""
        return self._carrier.breaks

    @property
    def dialled(self) -> str:
        """The number the call was put through to; empty: none."""
        return self._carrier.dialled

    @property
    def playing(self) -> bool:
        """Agent audio is in the caller's ear right now."""
        return self._carrier.stream is not None and self._carrier.stream.playing

    async def say(self, frames: Sequence[bytes]) -> None:
        """Speak 20 ms frames in real time; returns when the last one is said.

        Waits are counted from the last loud frame: a recording's silent end is no speech.
        """
        loud = [place for place, frame in enumerate(frames) if level_rms(frame) >= _LOUD_RMS]
        self._silent_tail = len(frames) - 1 - (loud[-1] if loud else len(frames) - 1)
        self._to_say.extend(frames)
        self._said.clear()
        await self._said.wait()

    async def hear_first_audio(self, timeout_s: float) -> float:
        """Seconds from the caller's last frame to the agent's first. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while self.first_audio is None:
                await self._wait_for_news()
        return self.first_audio - self.last_speech

    async def hear_out(self, timeout_s: float) -> None:
        """Wait until the agent was heard to its end, or hung up. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not self.closed.is_set():
                stream, quiet_s = self._carrier.stream, time.monotonic() - self.last_audio
                if stream and not stream.busy and quiet_s >= _QUIET_S:
                    return
                await self._wait_for_news()

    async def hear_again(self, timeout_s: float) -> Break:
        """Wait until the agent was heard on a line that came back. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not (self.breaks and self.breaks[-1].heard_at):
                await self._wait_for_news()
        return self.breaks[-1]

    async def hang_up(self) -> None:
        """End the call from the caller's side."""
        await self._carrier.hang_up()

    def lose_line(self) -> None:
        """Reset the media connection, without a word to the other end."""
        if self._carrier.stream:
            self._carrier.stream.reset()

    async def redirect(self, url: str) -> None:
        """Do what Twilio does when the call is updated over REST: stop, and ask at `url`."""
        await self._carrier.redirect(url)

    async def run(self, document: str) -> None:
        """Be on the line until the call ends. Run by `place_call`. Raises CallRefused."""
        ticking = asyncio.create_task(self._tick())
        try:
            await self._carrier.run(document)
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            self.closed.set()
            self._said.set()
            self._news.set()

    async def connected(self) -> None:
        """Wait for the first sound to flow."""
        await self._carrier.connected.wait()

    async def _tick(self) -> None:
        """Every 20 ms one frame is said and 20 ms of the agent's audio are played."""
        due = time.monotonic()
        while True:
            spoken = bool(self._to_say)
            frame = self._to_say.popleft() if spoken else SILENT_FRAME
            if self._carrier.stream:
                with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                    await self._beat(self._carrier.stream, frame)
            if spoken and len(self._to_say) == self._silent_tail:
                self.last_speech, self.first_audio = time.monotonic(), None
            if spoken and not self._to_say:
                self._said.set()
            self._news.set()
            due += _TICK_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _beat(self, stream: MediaStream, frame: bytes) -> None:
        await stream.send(frame)
        if stream.playing:
            self.last_audio = time.monotonic()
        await stream.play(FRAME_BYTES)

    def _on_audio(self, stream: MediaStream) -> None:
        now = time.monotonic()
        if self.first_audio is None:
            self.first_audio = now
        if stream.starved and now - self.last_audio > _TICK_S:
            self.late_frames += 1  # the agent fell silent in the middle of a reply
        self._news.set()

    async def _wait_for_news(self) -> None:
        self._news.clear()
        await self._news.wait()


@asynccontextmanager
async def place_call(
    url: str | Sequence[str],
    *,
    caller: str = "+15550123",
    called: str = "+15550100",
    agent: str = "",
    auth_token: str = "",
) -> AsyncIterator[Caller]:
    """Ring at the gateway `url` (http://host:port), and talk while the context lasts.

    Several addresses: gateways behind one, tried in turn. Raises: CallRefused,
    aiohttp.ClientError when nobody answers there.
    """
    sid = f"CA{secrets.token_hex(16)}"
    form = {"CallSid": sid, "AccountSid": ACCOUNT, "From": caller, "To": called}
    form |= {"Direction": "inbound", "ApiVersion": "2010-04-01"}
    urls = [url] if isinstance(url, str) else url
    async with aiohttp.ClientSession() as http:
        exchange = Exchange(http, urls, auth_token, form)
        ring_url = f"{exchange.first}/twilio/voice" + (f"?agent={agent}" if agent else "")
        document = await exchange.post(ring_url, 0.0, CallStatus="ringing")
        on_line = Caller(exchange, sid)
        running = asyncio.create_task(on_line.run(document))
        try:
            await _connected(on_line, running)
            yield on_line
        finally:
            await on_line.hang_up()
            await asyncio.wait({running}, timeout=_FAREWELL_S)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def _connected(caller: Caller, running: "asyncio.Task[None]") -> None:
    """Wait for the first sound to flow. Raises what keeps it from flowing."""
    waiting = asyncio.create_task(caller.connected())
    await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if running.done():
        await running
