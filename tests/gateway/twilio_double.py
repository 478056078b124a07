"""Twilio, as far as a gateway can tell: it posts webhooks, obeys TwiML and streams sound.

What it is sent it keeps in a buffer. Time passes in it only when a test says so: `play` plays that
much of the buffer and echoes the marks it comes by; a clear throws it away and echoes all marks.
"""

import asyncio
import base64
import itertools
import json
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import aiohttp
import numpy as np
from twilio.request_validator import RequestValidator
from yarl import URL

from services.audio import mulaw
from services.audio.frames import FRAME_BYTES, SILENT_FRAME

LOUD = mulaw.encode((np.sin(np.arange(FRAME_BYTES) * 0.4) * 12_000).astype("<i2").tobytes())
QUIET = SILENT_FRAME
_sids = itertools.count(1)


def sid(kind: str) -> str:
    """An id as Twilio makes them: CA..., MZ..."""
    return f"{kind}{uuid.uuid4().hex}"


def start_message(
    stream_sid: str, call_sid: str, parameters: dict[str, str], number: int = 1, **changes: Any
) -> dict[str, Any]:
    """What names the call. `changes`: of the media format."""
    form = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1} | changes
    return {
        "event": "start",
        "sequenceNumber": str(number),
        "streamSid": stream_sid,
        "start": {
            "streamSid": stream_sid,
            "accountSid": "AC" + "0" * 32,
            "callSid": call_sid,
            "tracks": ["inbound"],
            "customParameters": parameters,
            "mediaFormat": form,
        },
    }


class Document:
    """The answer to a webhook."""

    def __init__(self, status: int, text: str, call_sid: str) -> None:
        self.status, self.text, self.call_sid = status, text, call_sid

    @property
    def verbs(self) -> list[str]:
        """The document's verbs in order."""
        return [element.tag for element in ElementTree.fromstring(self.text)]

    def find(self, path: str) -> ElementTree.Element:
        found = ElementTree.fromstring(self.text).find(path)
        assert found is not None, f"the answer has no {path}"
        return found

    @property
    def parameters(self) -> dict[str, str]:
        stream = self.find("Connect/Stream")
        return {p.attrib["name"]: p.attrib["value"] for p in stream.iter("Parameter")}

    @property
    def call(self) -> str:
        return self.parameters["call"]


class MediaSocket:
    """One media stream, from Twilio's side."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, call_sid: str) -> None:
        self.socket, self.call_sid, self.stream_sid = socket, call_sid, sid("MZ")
        self.heard: list[dict[str, Any]] = []  # every message, in order
        self.marks_asked: list[str] = []
        self.clears = 0
        self.played = bytearray()
        self._buffer: deque[bytes | str] = deque()
        self._changed = asyncio.Condition()
        self._sequence = itertools.count(1)
        self._chunk = itertools.count(1)
        self._reading = asyncio.create_task(self._read())

    async def close(self) -> None:
        await self.socket.close()
        await self._reading

    def reset(self) -> None:
        """Lose the connection, without a word to the other end."""
        self._transport.abort()

    def stop_reading(self) -> None:
        """Take nothing more of what comes."""
        self._transport.pause_reading()

    @property
    def _transport(self) -> asyncio.Transport:
        transport = self.socket.get_extra_info("socket") and self.socket._conn.transport
        assert isinstance(transport, asyncio.Transport)
        return transport

    async def start(self, parameters: dict[str, str], **changes: Any) -> None:
        """Say connected and start. `changes`: of the media format."""
        await self.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        await self.send(self.start_message(parameters, **changes))

    def start_message(self, parameters: dict[str, str], **changes: Any) -> dict[str, Any]:
        number = next(self._sequence)
        return start_message(self.stream_sid, self.call_sid, parameters, number, **changes)

    async def say(self, *sound: bytes) -> None:
        """Send these pieces of sound, as fast as they go."""
        for piece in sound:
            chunk = next(self._chunk)
            media = {
                "track": "inbound",
                "chunk": str(chunk),
                "timestamp": str(chunk * 20),
                "payload": base64.b64encode(piece).decode(),
            }
            await self.send_event("media", media=media)

    async def press(self, digit: str) -> None:
        await self.send_event("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    async def hang_up(self) -> None:
        await self.send_event("stop", stop={"accountSid": "AC1", "callSid": self.call_sid})

    async def send_event(self, event: str, **content: Any) -> None:
        message = {
            "event": event,
            "sequenceNumber": str(next(self._sequence)),
            "streamSid": self.stream_sid,
        }
        await self.send(message | content)

    async def send(self, message: dict[str, Any]) -> None:
        await self.socket.send_str(json.dumps(message))

    async def play(self, ms: int | None = None) -> None:
        """Let `ms` of the buffer be played, or all of it."""
        left = len(self._buffer) * 100_000 if ms is None else ms * 8
        while self._buffer:
            first = self._buffer[0]
            if isinstance(first, str):
                self._buffer.popleft()
                await self._echo(first)
            elif not left:
                return
            else:
                piece, rest = first[:left], first[left:]
                self.played += piece
                left -= len(piece)
                self._buffer.popleft()
                if rest:
                    self._buffer.appendleft(rest)

    @property
    def buffered_ms(self) -> int:
        return sum(len(piece) for piece in self._buffer if isinstance(piece, bytes)) // 8

    async def until(self, holds: Callable[[], bool], within_s: float = 10.0) -> None:
        """Return as soon as what was received makes `holds()` true."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(holds)

    async def closed(self, within_s: float = 10.0) -> int:
        """The code the gateway closed the socket with."""
        async with asyncio.timeout(within_s):
            await self._reading
        return self.socket.close_code or 0

    async def _read(self) -> None:
        async for message in self.socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            await self._take(json.loads(message.data))
            async with self._changed:
                self._changed.notify_all()

    async def _take(self, message: dict[str, Any]) -> None:
        assert message["streamSid"] == self.stream_sid
        self.heard.append(message)
        match message["event"]:
            case "media":
                self._buffer.append(base64.b64decode(message["media"]["payload"], validate=True))
            case "mark":
                self._buffer.append(message["mark"]["name"])
                self.marks_asked.append(message["mark"]["name"])
            case "clear":
                pending = [entry for entry in self._buffer if isinstance(entry, str)]
                self._buffer.clear()
                self.clears += 1
                for name in pending:
                    await self._echo(name)
            case other:
                raise AssertionError(f"Twilio knows no message {other!r}")

    async def _echo(self, name: str) -> None:
        await self.send_event("mark", mark={"name": name})


class TwilioDouble:
    """Places calls at one gateway. Use as an async context manager.

    `auth_token`: what it signs with. `public_origin`: the address it was given, if not the real.
    """

    def __init__(self, origin: str, auth_token: str | None = None, public_origin: str = "") -> None:
        self._origin, self._public = origin, public_origin or origin
        self.sign = RequestValidator(auth_token) if auth_token else None
        self._sockets: list[MediaSocket] = []

    async def __aenter__(self) -> "TwilioDouble":
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in self._sockets:
            await socket.close()
        await self.http.close()

    async def ring(self, query: str = "", call_sid: str = "", **fields: str) -> Document:
        """Post the voice webhook for a new call, or again for `call_sid`."""
        form = {"CallSid": call_sid or sid("CA"), "Direction": "inbound"}
        form |= {"From": "+15551230001", "To": "+15551230002"} | fields
        return await self.post("/twilio/voice" + query, form)

    async def after(self, document: Document, **fields: str) -> Document:
        """Ask what comes next, as when the stream of this document is over."""
        action = document.find("Connect").attrib["action"]
        return await self.post(self._path(action), {"CallSid": document.call_sid} | fields)

    async def report(self, document: Document, event: str) -> Document:
        """Post a status callback of the document's stream."""
        url = document.find("Connect/Stream").attrib["statusCallback"]
        form = {"CallSid": document.call_sid, "StreamSid": sid("MZ"), "StreamEvent": event}
        return await self.post(self._path(url), form)

    def _path(self, url: str) -> str:
        """Without the fragment, which says how to ask and is not sent."""
        return str(URL(url, encoded=True).relative().with_fragment(None))

    async def post(
        self, path: str, form: dict[str, str], headers: dict[str, str] | None = None
    ) -> Document:
        """Post a form, signed as Twilio would, or with these headers instead."""
        if headers is None:
            headers = self.signed(self._public + path, form)
        async with self.http.post(self._origin + path, data=form, headers=headers) as answer:
            return Document(answer.status, await answer.text(), form.get("CallSid", ""))

    def signed(self, url: str, form: dict[str, str]) -> dict[str, str]:
        if self.sign is None:
            return {}
        return {"X-Twilio-Signature": self.sign.compute_signature(url, form)}

    async def open(self, call_sid: str = "", headers: dict[str, str] | None = None) -> MediaSocket:
        """A media socket that has said nothing yet."""
        if headers is None:
            headers = self.signed("ws" + self._public.removeprefix("http") + "/twilio/media", {})
        socket = await self.http.ws_connect(self._origin + "/twilio/media", headers=headers)
        media = MediaSocket(socket, call_sid or sid("CA"))
        self._sockets.append(media)
        return media

    async def connect(self, document: Document) -> MediaSocket:
        """Obey the TwiML of a ring: a media socket whose stream has started."""
        media = await self.open(document.call_sid)
        await media.start(document.parameters)
        return media
