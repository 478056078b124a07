"""The sending half of a media socket, apart from the library that holds it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from aiohttp import ClientError, WSMsgType, web

CLOSE_S: Final = 2.0  # for the peer to agree that the socket is closed
UNSENT_LIMIT_BYTES: Final = 8 * 1024 * 1024  # about eleven minutes of speech


class Wire(Protocol):
    """Where a line's messages go. Nothing here waits."""

    def send(self, message: bytes) -> None:
        """Send after all that was sent before. Nothing when the socket is closed."""
        ...

    def send_instead(self, message: bytes) -> None:
        """Send at once, in place of all that has not left yet."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Close the socket; what has not left is not sent any more."""
        ...


class SocketWire:
    """A Wire on aiohttp's server socket. `carry` does the sending and must run beside the reader.

    A peer that does not read fills the outbox; when that is full the socket is closed. A peer that
    does not agree to a close within `CLOSE_S` is cut off.
    """

    def __init__(self, socket: "web.WebSocketResponse[bool]", cut_off: Callable[[], None]) -> None:
        """`cut_off` drops the connection under the socket."""
        self.given_up = ""  # why it was closed from here, by no word of the line's
        self._socket, self._cut_off = socket, cut_off
        self._last_resort: asyncio.TimerHandle | None = None
        self._outbox: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._wanted = asyncio.Event()
        self._farewell: tuple[int, str] | None = None
        self._carrying: asyncio.Task[None] | None = None

    def send(self, message: bytes) -> None:
        if self._farewell:
            return
        self._outbox.append(message)
        self._unsent_bytes += len(message)
        self._wanted.set()
        if self._unsent_bytes > UNSENT_LIMIT_BYTES:
            self.given_up = "the peer does not read"
            self.close(1008, self.given_up)

    def send_instead(self, message: bytes) -> None:
        self._forget_unsent()
        self.send(message)

    def close(self, code: int, reason: str) -> None:
        if self._farewell is None:
            self._farewell = code, reason
            loop = asyncio.get_running_loop()
            self._last_resort = loop.call_later(CLOSE_S, self._cut_off)
            self._forget_unsent()
            self._wanted.set()

    async def __aenter__(self) -> "SocketWire":
        self._carrying = asyncio.create_task(self._carry())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close(1000, "")
        if self._carrying:
            await self._carrying
        if self._last_resort:
            self._last_resort.cancel()

    async def _carry(self) -> None:
        with contextlib.suppress(ClientError, ConnectionError):  # the reader sees the end as well
            while self._farewell is None:
                await self._wanted.wait()
                self._wanted.clear()
                await self._empty()
        code, reason = self._farewell or (1000, "")
        await self._socket.close(code=code, message=reason.encode()[:120])

    async def _empty(self) -> None:
        while self._outbox:
            message = self._outbox.popleft()
            self._unsent_bytes -= len(message)
            await self._socket.send_frame(message, WSMsgType.TEXT)

    def _forget_unsent(self) -> None:
        self._outbox.clear()
        self._unsent_bytes = 0
