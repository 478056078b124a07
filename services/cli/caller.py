"""A caller on the loopback: places a call the way Twilio does, and hears as a telephone would.

Wire: https://www.twilio.com/docs/voice/media-streams/websocket-messages. What the agent sends is
played at the speed of speech from a buffer, marks are echoed when they are reached, and a clear
empties the buffer and echoes what was pending.
"""

import asyncio
import base64
import re
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple
from xml.etree import ElementTree

import aiohttp
import msgspec
from twilio.request_validator import RequestValidator

from services.audio.frames import FRAME_BYTES, FRAME_MS, SILENT_FRAME
from services.audio.vad import level_rms

_TICK_S: Final = FRAME_MS / 1000
_ACCOUNT: Final = "AC00000000000000000000000000000000"
_LOUD_RMS: Final = 200  # of 16-bit samples
_QUIET_S: Final = 0.4  # after the agent's last audio, before the caller thinks it is done


class CallRefused(Exception):
    """The gateway did not take the call. Says what it answered."""


class _Media(msgspec.Struct):
    payload: bytes  # base64 on the wire


class _Mark(msgspec.Struct):
    name: str


class _Message(msgspec.Struct):
    """What the gateway may send: media, mark, clear."""

    event: str
    media: _Media | None = None
    mark: _Mark | None = None


class _Queued(NamedTuple):
    end: int  # bytes received from the agent up to here
    mark: str


_decoder: Final = msgspec.json.Decoder(_Message)


class Caller:
    """One call from the caller's end. Made by `place_call`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, stream: str, call: str) -> None:
        self.call: Final = call  # the platform's id of the call
        self._socket, self._stream = socket, stream
        self._to_say: deque[bytes] = deque()
        self._silent_tail = 0  # frames at the end of what is said that hold no speech
        self._said = asyncio.Event()
        self._said.set()
        self._received = self._played = 0  # bytes of agent audio
        self._marks: deque[_Queued] = deque()
        self._sequence = self._chunk = 0
        self.closed: Final = asyncio.Event()  # the gateway ended the call
        self.last_speech: float = 0.0  # monotonic seconds at which the last word's frame was sent
        self.first_audio: float | None = None  # of the agent, after `last_speech`
        self.last_audio: float = 0.0  # when agent audio was last played
        self.late_frames = 0  # agent audio that came after its place in time had passed
        self._news = asyncio.Event()

    async def answer(self, call_sid: str, parameters: dict[str, str]) -> None:
        """The stream's first two messages."""
        hello = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        await self._socket.send_str(msgspec.json.encode(hello).decode())
        start = {
            "streamSid": self._stream,
            "accountSid": _ACCOUNT,
            "callSid": call_sid,
            "tracks": ["inbound"],
            "customParameters": parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        await self._send("start", start=start)

    async def say(self, frames: Sequence[bytes]) -> None:
        """Speak 20 ms frames in real time; returns when the last one is sent.

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
                quiet_s = time.monotonic() - self.last_audio
                if not self.playing and not self._marks and quiet_s >= _QUIET_S:
                    return
                await self._wait_for_news()

    @property
    def playing(self) -> bool:
        """Agent audio is in the caller's ear right now."""
        return self._played < self._received

    async def hang_up(self) -> None:
        """End the call from the caller's side."""
        if not self.closed.is_set():
            await self._send("stop", stop={"accountSid": _ACCOUNT, "callSid": self._stream})
            await self._socket.close()

    async def run(self) -> None:
        """Send and hear until the call ends. Run by `place_call`."""
        async with asyncio.TaskGroup() as group:
            ticking = group.create_task(self._tick())
            await self._receive()
            ticking.cancel()
        self.closed.set()
        self._said.set()
        self._news.set()

    async def _tick(self) -> None:
        """Every 20 ms one frame leaves and 20 ms of the agent's audio are played."""
        due = time.monotonic()
        while not self._socket.closed:
            await self._send_frame()
            await self._play()
            due += _TICK_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _send_frame(self) -> None:
        spoken = bool(self._to_say)
        frame = self._to_say.popleft() if spoken else SILENT_FRAME
        self._chunk += 1
        payload = base64.b64encode(frame).decode()
        timestamp = str(self._chunk * FRAME_MS)
        media = {"track": "inbound", "chunk": str(self._chunk), "timestamp": timestamp}
        await self._send("media", media={**media, "payload": payload})
        if spoken and len(self._to_say) == self._silent_tail:
            self.last_speech, self.first_audio = time.monotonic(), None
        if spoken and not self._to_say:
            self._said.set()

    async def _play(self) -> None:
        if self.playing:
            self._played = min(self._played + FRAME_BYTES, self._received)
            self.last_audio = time.monotonic()
        while self._marks and self._marks[0].end <= self._played:
            await self._send("mark", mark={"name": self._marks.popleft().mark})
        self._news.set()

    async def _receive(self) -> None:
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            await self._on_message(_decoder.decode(message.data))

    async def _on_message(self, message: _Message) -> None:
        match message:
            case _Message(event="media", media=_Media(payload=sound)):
                self._on_audio(sound)
            case _Message(event="mark", mark=_Mark(name=name)):
                self._marks.append(_Queued(self._received, name))
            case _Message(event="clear"):
                self._received = self._played
                pending, self._marks = self._marks, deque()
                for queued in pending:
                    await self._send("mark", mark={"name": queued.mark})
            case _:
                raise CallRefused(f"the gateway sent an unknown event: {message.event}")
        self._news.set()

    def _on_audio(self, sound: bytes) -> None:
        now = time.monotonic()
        if self.first_audio is None:
            self.first_audio = now
        if not self.playing and now - self.last_audio > _TICK_S and self._marks:
            self.late_frames += 1  # the agent fell silent in the middle of a reply
        self._received += len(sound)

    async def _send(self, event: str, **body: object) -> None:
        self._sequence += 1
        message = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self._stream}
        if not self._socket.closed:
            await self._socket.send_str(msgspec.json.encode({**message, **body}).decode())

    async def _wait_for_news(self) -> None:
        self._news.clear()
        await self._news.wait()


class Dialled(NamedTuple):
    """What the gateway's TwiML says: where the media goes, and with which parameters."""

    media_url: str
    parameters: dict[str, str]


def read_twiml(document: str) -> Dialled:
    """The stream of a `<Connect><Stream>` document. Raises CallRefused for any other."""
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError:
        raise CallRefused("the gateway's answer is not TwiML") from None
    stream = root.find("./Connect/Stream")
    if stream is None:
        said = " ".join(say.text or "" for say in root.iter("Say"))
        raise CallRefused(said or "the gateway did not connect the call")
    parameters = {p.get("name", ""): p.get("value", "") for p in stream.findall("Parameter")}
    return Dialled(stream.get("url", ""), parameters)


@asynccontextmanager
async def place_call(
    url: str,
    *,
    caller: str = "+15550123",
    called: str = "+15550100",
    agent: str = "",
    auth_token: str = "",
) -> AsyncIterator[Caller]:
    """Ring at the gateway `url` (http://host:port), and talk while the context lasts.

    Raises: CallRefused, aiohttp.ClientError when nobody answers there.
    """
    sid = f"CA{secrets.token_hex(16)}"
    async with aiohttp.ClientSession() as http:
        form = {"CallSid": sid, "AccountSid": _ACCOUNT, "From": caller, "To": called}
        form |= {"Direction": "inbound", "CallStatus": "ringing", "ApiVersion": "2010-04-01"}
        voice_url = f"{url.rstrip('/')}/twilio/voice" + (f"?agent={agent}" if agent else "")
        headers = _signed(auth_token, voice_url, form)
        async with http.post(voice_url, data=form, headers=headers) as answer:
            if answer.status != 200:
                raise CallRefused(f"the gateway answered the ring with status {answer.status}")
            dialled = read_twiml(await answer.text())
        media_url = _local(dialled.media_url, url)
        headers = _signed(auth_token, dialled.media_url, {})
        async with http.ws_connect(media_url, headers=headers, max_msg_size=1 << 20) as socket:
            on_line = Caller(
                socket, f"MZ{secrets.token_hex(16)}", dialled.parameters.get("call", "")
            )
            await on_line.answer(sid, dialled.parameters)
            running = asyncio.create_task(on_line.run())
            try:
                yield on_line
            finally:
                await on_line.hang_up()
                await asyncio.wait({running}, timeout=5)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


def _signed(auth_token: str, url: str, form: dict[str, str]) -> dict[str, str]:
    if not auth_token:
        return {}
    return {"X-Twilio-Signature": RequestValidator(auth_token).compute_signature(url, form)}


def _local(media_url: str, url: str) -> str:
    """The media address on the gateway itself, past any proxy in front of the public one."""
    path = re.sub(r"^wss?://[^/]+", "", media_url)
    return re.sub(r"^http", "ws", url.rstrip("/")) + path
