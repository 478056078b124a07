"""One media socket from Twilio's end, cheap: no task, no queue, nothing awaited for a frame.

https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import secrets
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Final

import msgspec
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from loadtest.chaos.media import ACCOUNT
from loadtest.load.playout import Playout
from services.audio.frames import CHUNK_BYTES_LIMIT, split
from services.audio.phrases import one_moment


class _Media(msgspec.Struct):
    payload: str  # base64


class _Mark(msgspec.Struct):
    name: str


class _Message(msgspec.Struct):
    """What may come: media, mark, clear."""

    event: str
    media: _Media | None = None
    mark: _Mark | None = None


_PHRASE: Final = frozenset(
    b64encode(piece).decode() for piece in split(one_moment(), CHUNK_BYTES_LIMIT)
)
_decoder: Final = msgspec.json.Decoder(_Message)
_FRAME: Final = (
    b'{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d",'
    b'"timestamp":"%d","payload":"%b"},"streamSid":"%b"}'
)


class Line(WSListener):
    """From the connection to its end. Made by `connect`."""

    def __init__(self, playout: Playout, hello: list[bytes], sid: bytes) -> None:
        self.up_at = 0.0  # monotonic seconds
        self.over = False
        self.closed_by_peer = False
        self.strange = 0  # messages that are none of Twilio's
        self._playout, self._hello, self._sid = playout, hello, sid
        self._transport: WSTransport | None = None
        self._sequence = len(hello) - 1
        self._chunk = 0
        self._ours = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        """See picows."""
        self._transport, self.up_at = transport, time.monotonic()
        for message in self._hello:
            transport.send(WSMsgType.TEXT, message)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """See picows."""
        if frame.msg_type is WSMsgType.TEXT:
            self._on_message(_decoder.decode(frame.get_payload_as_memoryview()))
        elif frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """See picows."""
        self.over, self.closed_by_peer = True, not self._ours

    def say(self, payload: bytes) -> None:
        """20 ms, as base64."""
        self._sequence += 1
        self._chunk += 1
        self._send(_FRAME % (self._sequence, self._chunk, self._chunk * 20, payload, self._sid))

    def press(self, digit: str) -> None:
        """A key."""
        self._tell("dtmf", {"track": "inbound_track", "digit": digit})

    def play(self, now_s: float) -> None:
        """Echo what is due."""
        for name in self._playout.reached(now_s):
            self._tell("mark", {"name": name})

    def hang_up(self, call_sid: str) -> None:
        """The caller is gone."""
        self._tell("stop", {"accountSid": ACCOUNT, "callSid": call_sid})
        self.leave()

    def leave(self) -> None:
        """Close the socket in order."""
        self._ours = True
        if self._transport and not self.over:
            self._transport.send_close(WSCloseCode.OK)
            self._transport.disconnect()

    def break_off(self) -> None:
        """Lose the connection, without a word to the other end."""
        self._ours = True
        if self._transport and not self.over:
            self._transport.underlying_transport.abort()

    def stop_reading(self) -> None:
        """Leave everything in the socket from now on."""
        if self._transport and not self.over:
            self._transport.underlying_transport.pause_reading()

    def _tell(self, event: str, body: dict[str, str]) -> None:
        self._sequence += 1
        head = {"event": event, "sequenceNumber": str(self._sequence)}
        self._send(msgspec.json.encode({**head, "streamSid": self._sid.decode(), event: body}))

    def _send(self, message: bytes) -> None:
        if self._transport and not self.over and not self._ours:
            self._transport.send(WSMsgType.TEXT, message)

    def _on_message(self, message: _Message) -> None:
        now_s = time.monotonic()
        match message:
            case _Message(event="media", media=_Media(payload=sound)):
                size_bytes = len(sound) * 3 // 4 - sound.count("=", -2)
                take = self._playout.phrase if sound in _PHRASE else self._playout.sound
                take(size_bytes, now_s)
            case _Message(event="mark", mark=_Mark(name=name)):
                self._playout.mark(name)
            case _Message(event="clear"):
                for name in self._playout.clear(now_s):
                    self._tell("mark", {"name": name})
            case _:
                self.strange += 1


async def connect(
    url: str, call_sid: str, parameters: dict[str, str], playout: Playout, *, starts: bool = True
) -> Line:
    """A socket that has said `start`. Raises OSError, picows.WSError, TimeoutError."""
    sid = f"MZ{secrets.token_hex(16)}"
    hello = _hello(sid, call_sid, parameters) if starts else []
    make: Callable[[], Line] = lambda: Line(playout, hello, sid.encode())  # noqa: E731
    _, line = await ws_connect(make, url)
    assert isinstance(line, Line)
    return line


def _hello(sid: str, call_sid: str, parameters: dict[str, str]) -> list[bytes]:
    start = {
        "streamSid": sid,
        "accountSid": ACCOUNT,
        "callSid": call_sid,
        "tracks": ["inbound"],
        "customParameters": parameters,
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    }
    connected = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    begin = {"event": "start", "sequenceNumber": "1", "streamSid": sid, "start": start}
    return [msgspec.json.encode(connected), msgspec.json.encode(begin)]
