"""The carrier's part of a call on the loopback: obeys TwiML, and connects the caller as it says.

When the media socket closes or breaks, what was not played yet is gone, and the `action` of the
`<Connect>` is asked what comes next: https://www.twilio.com/docs/voice/twiml/connect.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Final

import aiohttp
import msgspec

from services.cli.exchange import CallRefused, Exchange, Stream, Verb, read_twiml, stream_of
from services.cli.media_stream import MediaStream


class Break(msgspec.Struct, kw_only=True):
    """A time without a line. Monotonic seconds; 0.0: not yet."""

    last_audio: float  # of the agent that came before it
    lost_at: float
    asked_at: float = 0.0  # a gateway said what comes next
    returned_at: float = 0.0  # the new stream was started
    heard_at: float = 0.0  # the agent's first audio on it


class Carrying:
    """One call at the carrier, from the answer to the ring to its end."""

    def __init__(
        self, exchange: Exchange, sid: str, on_audio: Callable[[MediaStream], None]
    ) -> None:
        """`on_audio` is called before each piece of the agent's sound is put into the buffer."""
        self.call = ""  # the platform's id of the call
        self.connected: Final = asyncio.Event()  # sound flows for the first time
        self.stream: MediaStream | None = None  # while sound flows
        self.lines = 0  # how often it began to
        self.breaks: list[Break] = []
        self.dialled = ""  # the number the call was put through to
        self._exchange, self._sid, self._on_audio = exchange, sid, on_audio
        self._told = ""  # where it was told, over REST, to ask what comes next
        self._reports: set[asyncio.Task[str]] = set()
        self._hung_up = self._said_goodbye = False
        self._received_at = 0.0

    async def run(self, document: str) -> None:
        """Obey the document and those that follow until the call ends. Raises CallRefused."""
        try:
            verbs: list[Verb] | None = read_twiml(document)
            while verbs is not None:
                verbs = await self._obey(verbs)
        finally:
            for report in self._reports:
                report.cancel()
            await asyncio.gather(*self._reports, return_exceptions=True)

    async def hang_up(self) -> None:
        """The caller is gone."""
        self._hung_up = True
        if self.stream:
            self._said_goodbye = True
            await self.stream.stop()

    async def redirect(self, url: str) -> None:
        """Do what Twilio does when the call is updated over REST: stop, and ask at `url`."""
        self._told = url
        if self.stream:
            await self.stream.stop()

    async def _obey(self, verbs: list[Verb]) -> list[Verb] | None:
        """Do what a document says. Returns the next document; None: the call is over."""
        for verb in verbs:
            match verb.name:
                case "Connect":
                    wanted = stream_of(verb)
                    await self._talk(wanted)
                    url = self._told or wanted.after_url
                    if url or self._hung_up:
                        return await self._ask(url)
                case "Redirect":
                    return await self._ask(verb.text)
                case "Pause":
                    await asyncio.sleep(float(verb.element.get("length", "1")))
                case "Dial":
                    self.dialled = verb.text
                case "Hangup":
                    break
        if not self.lines:
            words = " ".join(verb.text for verb in verbs if verb.name == "Say")
            raise CallRefused(words or "the gateway did not connect the call")
        return None

    async def _ask(self, url: str) -> list[Verb] | None:
        self._told = ""
        if self._said_goodbye or not url:
            return None
        status = "completed" if self._hung_up else "in-progress"
        answer = await self._exchange.post(url, CallStatus=status)
        if self._hung_up:
            return None
        if self.breaks and not self.breaks[-1].asked_at:
            self.breaks[-1].asked_at = time.monotonic()
        return read_twiml(answer)

    async def _talk(self, wanted: Stream) -> None:
        """Let sound flow until the stream ends, by whomever."""
        try:
            socket = await self._exchange.open(wanted.url)
        except (CallRefused, aiohttp.ClientError, TimeoutError):
            if not self.lines:
                raise
            self._report(wanted, "stream-error", f"MZ{secrets.token_hex(16)}")
            return
        self.call = self.call or wanted.parameters.get("call", "")
        stream = MediaStream(socket, self._sid, self._on_sound)
        self._report(wanted, "stream-started", stream.sid)
        await stream.start(wanted.parameters)
        self._flows(stream)
        try:
            await stream.receive()
        finally:
            self.stream = None
            await socket.close()
        self.breaks.append(Break(last_audio=self._received_at, lost_at=time.monotonic()))
        self._report(wanted, "stream-stopped", stream.sid)

    def _flows(self, stream: MediaStream) -> None:
        self.stream = stream
        self.lines += 1
        if self.breaks:
            self.breaks[-1].returned_at = time.monotonic()
        self.connected.set()

    def _on_sound(self, stream: MediaStream) -> None:
        self._received_at = time.monotonic()
        if self.breaks and not self.breaks[-1].heard_at:
            self.breaks[-1].heard_at = self._received_at
        self._on_audio(stream)

    def _report(self, stream: Stream, event: str, sid: str) -> None:
        """Tell what became of the stream; the call does not wait for it."""
        if not stream.status_url or self._hung_up:
            return
        posting = self._exchange.post(stream.status_url, StreamEvent=event, StreamSid=sid)
        task = asyncio.create_task(posting)
        self._reports.add(task)
        task.add_done_callback(self._reported)

    def _reported(self, task: "asyncio.Task[str]") -> None:
        self._reports.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            task.exception()  # a report that nobody takes is lost, at Twilio's as well
