"""One media socket, from the carrier's end: what is said goes out, what comes is played.

https://www.twilio.com/docs/voice/media-streams/websocket-messages: sound is played at the speed of
speech, marks are echoed when they are reached, a clear empties the buffer.
"""

import asyncio
import base64
import contextlib
import secrets
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

import aiohttp
import msgspec

from loadtest.chaos.sentences import Leg, Listener, Sentence
from services.audio.frames import FRAME_BYTES, FRAME_MS, SILENT_FRAME
from services.audio.touch_tones import Hearing

ACCOUNT: Final = "AC00000000000000000000000000000000"
_TICK_S: Final = FRAME_MS / 1000
_FAREWELL_S: Final = 3.0
_SILENCE: Final = base64.b64encode(SILENT_FRAME).decode()


class _Media(msgspec.Struct):
    payload: bytes


class _Mark(msgspec.Struct):
    name: str


class _Message(msgspec.Struct):
    event: str
    media: _Media | None = None
    mark: _Mark | None = None


_decoder: Final = msgspec.json.Decoder(_Message)


class MediaLine:
    """A connection of a caller's line. `hold` it; speak and listen meanwhile."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, leg: Leg, heard: list[Sentence]
    ) -> None:
        """`heard` grows by each sentence, whole or cut."""
        self.heard_s = 0.0  # when agent audio was last played; UNIX time
        self.over = False
        self._socket, self._leg, self._heard = socket, leg, heard
        self._stream = f"MZ{secrets.token_hex(16)}"
        self._to_say: deque[bytes] = deque()
        self._said = asyncio.Event()
        self._sound = bytearray()  # of the agent, not yet played
        self._received = self._played = 0  # bytes
        self._marks: deque[tuple[int, str]] = deque()
        self._to_send: asyncio.Queue[str] = asyncio.Queue()
        self._sequence = self._chunk = 0
        self._hearing, self._listener = Hearing(), Listener()

    @property
    def playing(self) -> bool:
        """The agent is in the caller's ear."""
        return bool(self._sound)

    async def say(self, frames: Sequence[bytes]) -> bool:
        """Speak in real time. False when the line broke before the last frame was out."""
        if self.over:
            return False
        self._said.clear()
        self._to_say.extend(frames)
        await self._said.wait()
        return not self.over

    async def hold(self, carrier_call: str, parameters: dict[str, str]) -> None:
        """Begin the stream, and stay until the socket closes."""
        self._begin(carrier_call, parameters)
        sending = asyncio.create_task(self._send_all())
        ticking = asyncio.create_task(self._tick())
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(_decoder.decode(message.data))
        finally:
            self._break_off()
            for task in (sending, ticking):
                task.cancel()
            await asyncio.gather(sending, ticking, return_exceptions=True)

    async def hang_up(self, carrier_call: str) -> None:
        """End the call by the caller's wish."""
        if self.over:
            return
        self._send("stop", stop={"accountSid": ACCOUNT, "callSid": carrier_call})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._to_send.join()
        await self._socket.close()

    def _begin(self, carrier_call: str, parameters: dict[str, str]) -> None:
        hello = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        self._to_send.put_nowait(msgspec.json.encode(hello).decode())
        start = {
            "streamSid": self._stream,
            "accountSid": ACCOUNT,
            "callSid": carrier_call,
            "tracks": ["inbound"],
            "customParameters": parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        self._send("start", start=start)

    def _break_off(self) -> None:
        """What was still to be said or heard never is."""
        self.over = True
        self._sound.clear()
        self._to_say.clear()
        self._said.set()
        self._heard += self._listener.silence(self._leg.number, time.time())

    async def _tick(self) -> None:
        """Every 20 ms one frame leaves and 20 ms of the agent's sound are played."""
        due = time.monotonic()
        while True:
            self._send_frame()
            self._play()
            due += _TICK_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _send_frame(self) -> None:
        payload = _SILENCE
        if self._to_say:
            payload = base64.b64encode(self._to_say.popleft()).decode()
            if not self._to_say:
                self._said.set()
        self._sequence += 1
        self._chunk += 1
        self._to_send.put_nowait(
            f'{{"event":"media","sequenceNumber":"{self._sequence}","media":{{"track":"inbound",'
            f'"chunk":"{self._chunk}","timestamp":"{self._chunk * FRAME_MS}",'
            f'"payload":"{payload}"}},"streamSid":"{self._stream}"}}'
        )

    def _play(self) -> None:
        if self._sound:
            frame = bytes(self._sound[:FRAME_BYTES])
            del self._sound[:FRAME_BYTES]
            self._played += len(frame)
            self.heard_s = time.time()
            if symbol := self._hearing.feed(frame):
                self._heard += self._listener.hear(symbol, self._leg.number, self.heard_s)
        while self._marks and self._marks[0][0] <= self._played:
            self._send("mark", mark={"name": self._marks.popleft()[1]})

    def _take(self, message: _Message) -> None:
        match message:
            case _Message(event="media", media=_Media(payload=sound)):
                self._sound += sound
                self._received += len(sound)
            case _Message(event="mark", mark=_Mark(name=name)):
                self._marks.append((self._received, name))
            case _Message(event="clear"):
                self._clear()
            case _:
                raise ValueError("the gateway sent an unknown event")

    def _clear(self) -> None:
        self._sound.clear()
        self._received = self._played
        pending, self._marks = self._marks, deque()
        for _, name in pending:
            self._send("mark", mark={"name": name})
        self._heard += self._listener.silence(self._leg.number, time.time())
        self._hearing = Hearing()  # what comes next is no continuation of the symbol that was cut

    def _send(self, event: str, **body: object) -> None:
        self._sequence += 1
        message = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self._stream}
        self._to_send.put_nowait(msgspec.json.encode({**message, **body}).decode())

    async def _send_all(self) -> None:
        """A gateway that stands still must not hold up what its caller hears and says."""
        with contextlib.suppress(aiohttp.ClientError, OSError):
            while True:
                await self._socket.send_str(await self._to_send.get())
                self._to_send.task_done()
