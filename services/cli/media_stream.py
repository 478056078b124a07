"""One media stream from the carrier's side: frames out, and a buffer that is played in real time.

https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import base64
import contextlib
import secrets
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import aiohttp
import msgspec

from services.audio.frames import FRAME_MS
from services.cli.exchange import ACCOUNT, CallRefused


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


class MediaStream:
    """From `start` to the end of `receive`. `on_audio` is called before each piece of sound."""

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        call_sid: str,
        on_audio: "Callable[[MediaStream], None]",
    ) -> None:
        self.sid: Final = f"MZ{secrets.token_hex(16)}"
        self._socket, self._call_sid, self._on_audio = socket, call_sid, on_audio
        self._received = self._played = 0  # bytes of agent audio
        self._marks: deque[_Queued] = deque()
        self._sequence = self._chunk = 0

    @property
    def playing(self) -> bool:
        """Agent audio is left to be played."""
        return self._played < self._received

    @property
    def busy(self) -> bool:
        """Agent audio or marks are left."""
        return self.playing or bool(self._marks)

    @property
    def starved(self) -> bool:
        """All audio is played, and the reply it belongs to has more."""
        return not self.playing and bool(self._marks)

    async def start(self, parameters: dict[str, str]) -> None:
        """The stream's first two messages."""
        hello = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        start = {
            "streamSid": self.sid,
            "accountSid": ACCOUNT,
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "customParameters": parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):  # `receive` sees it, too
            await self._socket.send_str(msgspec.json.encode(hello).decode())
            await self._send("start", start=start)

    async def receive(self) -> None:
        """Take what the gateway sends until the socket is closed or breaks."""
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            await self._on_message(_decoder.decode(message.data))

    async def send(self, frame: bytes) -> None:
        """20 ms of the caller."""
        self._chunk += 1
        payload = base64.b64encode(frame).decode()
        timestamp = str(self._chunk * FRAME_MS)
        media = {"track": "inbound", "chunk": str(self._chunk), "timestamp": timestamp}
        await self._send("media", media={**media, "payload": payload})

    async def play(self, sound_bytes: int) -> None:
        """Let so much of the buffer be heard, and echo the marks that are reached."""
        self._played = min(self._played + sound_bytes, self._received)
        while self._marks and self._marks[0].end <= self._played:
            await self._send("mark", mark={"name": self._marks.popleft().mark})

    async def stop(self) -> None:
        """The call is over, or goes on elsewhere."""
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            await self._send("stop", stop={"accountSid": ACCOUNT, "callSid": self._call_sid})
        await self._socket.close()

    def reset(self) -> None:
        """Lose the connection without a word."""
        connection = self._socket._conn  # aiohttp has no public way to break a connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()

    async def _on_message(self, message: _Message) -> None:
        match message:
            case _Message(event="media", media=_Media(payload=sound)):
                self._on_audio(self)
                self._received += len(sound)
            case _Message(event="mark", mark=_Mark(name=name)):
                self._marks.append(_Queued(self._received, name))
            case _Message(event="clear"):
                self._received = self._played
                pending, self._marks = self._marks, deque()
                for queued in pending:
                    await self._send("mark", mark={"name": queued.mark})
            case _:
                raise CallRefused(f"the gateway sent an unknown event: {message.event}")

    async def _send(self, event: str, **body: object) -> None:
        self._sequence += 1
        message = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.sid}
        if not self._socket.closed:
            await self._socket.send_str(msgspec.json.encode({**message, **body}).decode())
