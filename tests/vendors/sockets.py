"""A vendor that streams both ways over a WebSocket: what all of them have in common."""

import asyncio
import json
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from aiohttp import WSMsgType, web
from multidict import MultiMapping
from vendors.serving import Received, break_off
from vendors.strict import Vendor


class Line(Received):
    """One caller's socket, as the vendor sees it; the script's means to answer on it."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        super().__init__()
        self.query: MultiMapping[str] = request.query
        self.audio = bytearray()
        self.messages_bytes: list[int] = []  # length of each message of audio
        self.controls: list[str] = []  # types of what came as text
        self.close_code: int | None = None  # the client's, or ours when we closed
        self._request, self._socket = request, socket

    async def heard(self, audio_bytes: int) -> None:
        """Wait until so much audio has come."""
        await self.until(lambda: len(self.audio) >= audio_bytes)

    async def told(self, control: str, times: int = 1) -> None:
        """Wait for a control message."""
        await self.until(lambda: self.controls.count(control) >= times)

    async def left(self) -> None:
        """Wait until the client is gone."""
        await self.until(lambda: self.close_code is not None)

    async def say(self, message: dict[str, Any]) -> None:
        await self._socket.send_json(message)

    async def say_raw(self, text: str) -> None:
        await self._socket.send_str(text)

    def say_half(self, text: str) -> None:
        """Half of a message of up to 125 bytes, then the connection ends. RFC 6455, 5.2"""
        payload = text.encode()
        assert self._request.transport is not None
        self._request.transport.write(bytes((0x81, len(payload))) + payload[: len(payload) // 2])
        self._request.transport.close()

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code=code, message=reason.encode())

    def break_off(self) -> None:
        break_off(self._request)

    def stop_reading(self) -> None:
        """As a stalled network: the client's bytes pile up."""
        assert self._request.transport is not None
        self._request.transport.pause_reading()

    def took_audio(self, audio: bytes) -> None:
        self.audio += audio
        self.messages_bytes.append(len(audio))


AnyLine = TypeVar("AnyLine", bound=Line)


class SocketVendor(Vendor[web.Request], Generic[AnyLine]):
    """What happens on a line is decided by `script` and `idle_s`; both may be set late."""

    path: str  # of the socket
    line_type: type[AnyLine]

    def __init__(self, *, idle_s: float) -> None:
        super().__init__()
        self.script: Callable[[AnyLine], Awaitable[None]] = silent
        self.idle_s = idle_s  # without anything from the client; tests shorten it
        self.lines: list[AnyLine] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.get(self.path, self.answer)]

    async def serve(self, accepted: web.Request) -> web.WebSocketResponse:
        # Without permessage-deflate: audio does not shrink, and bytes counted are bytes sent.
        socket = web.WebSocketResponse(timeout=1.0, compress=False)
        await socket.prepare(accepted)
        line = self.line_type(accepted, socket)
        self.lines.append(line)
        script = asyncio.ensure_future(self._perform(line))
        try:
            await self._read(line, socket)
        finally:
            line.close_code = socket.close_code or 1006
            script.cancel()
            (outcome,) = await asyncio.gather(script, return_exceptions=True)
            if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
                self.violations.append(f"the script failed: {outcome!r}")
            await line.grew()
        return socket

    async def _perform(self, line: AnyLine) -> None:
        await self.greet(line)
        await self.script(line)

    async def _read(self, line: AnyLine, socket: web.WebSocketResponse) -> None:
        while not socket.closed:
            try:
                message = await socket.receive(timeout=self.idle_s)
            except TimeoutError:
                await self.on_idle(line)
                return
            if message.type is WSMsgType.BINARY:
                await self.take_audio(line, message.data)
            elif message.type is WSMsgType.TEXT:
                await self.take_text(line, message.data)
            await line.grew()

    async def reject(self, line: AnyLine, code: int, reason: str) -> None:
        """Hang up on a client that does what the vendor does not take."""
        self.violations.append(reason)
        await line.close(code, reason)

    async def greet(self, line: AnyLine) -> None:
        """What the vendor says first: nothing, or its word for it."""
        return

    @abstractmethod
    async def on_idle(self, line: AnyLine) -> None:
        """Nothing came for `idle_s`."""

    @abstractmethod
    async def take_audio(self, line: AnyLine, audio: bytes) -> None:
        """A binary message came."""

    @abstractmethod
    async def take_text(self, line: AnyLine, text: str) -> None:
        """A text message came."""


async def silent(line: Line) -> None:
    """Hear and say nothing."""


def message_of(text: str) -> dict[str, Any]:
    """The JSON object of a text message; {} for anything else."""
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def whole(text: str, least: int, most: int) -> bool:
    """Whether a parameter is a whole number within its limits."""
    return text.isdecimal() and least <= int(text) <= most


def within(text: str, least: float, most: float) -> bool:
    """Whether a parameter is a number within its limits."""
    try:
        return least <= float(text) <= most
    except ValueError:
        return False


def first_broken(rules: dict[str, bool]) -> str:
    """The first of the rules that is not kept; empty: all are."""
    return next((rule for rule, kept in rules.items() if not kept), "")
