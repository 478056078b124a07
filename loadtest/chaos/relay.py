"""A TCP connection that can be cut: a relay between a process and the server it talks to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

_LIMIT_BYTES: Final = 4 * 1024 * 1024


class _End(asyncio.Protocol):
    """One end of a relayed connection; what comes in goes out at the other."""

    def __init__(self, relay: "Relay", *, near: bool) -> None:
        """`near`: the client's end, which calls for the other."""
        self.relay, self.near = relay, near
        self.other: _End | None = None
        self.transport: asyncio.Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self.transport.set_write_buffer_limits(high=_LIMIT_BYTES)
        self.relay.ends.add(self)
        if self.near:
            self.relay.accept(self)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early.append(data)
        elif self.other.transport is not None:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.relay.ends.discard(self)
        if self.other is not None and self.other.transport is not None:
            self.other.transport.abort() if exc else self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def abort(self) -> None:
        """Break the connection at this end."""
        if self.transport is not None:
            self.transport.abort()

    def join(self, other: "_End") -> None:
        """From here on, these two are one connection."""
        self.other, other.other = other, self
        for end in (self, other):
            early, end._early = end._early, []
            for data in early:
                end.data_received(data)


class Relay:
    """Made by `relay`."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.ends: set[_End] = set()
        self._server_port = port
        self._cut = False
        self._joining: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """Break all connections, and take none until `mend`."""
        self._cut = True
        for end in list(self.ends):
            end.abort()

    def mend(self) -> None:
        """Take connections again."""
        self._cut = False

    def accept(self, near: _End) -> None:
        """A client is here: connect it, unless the line is cut."""
        if self._cut:
            near.abort()
            return
        task = asyncio.get_running_loop().create_task(self._join(near))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    async def _join(self, near: _End) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, far = await loop.create_connection(
                lambda: _End(self, near=False), "127.0.0.1", self._server_port
            )
        except OSError:
            near.abort()
            return
        near.join(far)
        if self._cut or near not in self.ends:  # broken while the server was being called
            near.abort()
            far.abort()


@asynccontextmanager
async def relay(server_port: int) -> AsyncIterator[Relay]:
    """A relay to a server on the loopback, until the block is left."""
    made = Relay(server_port)
    server = await asyncio.get_running_loop().create_server(
        lambda: _End(made, near=True), "127.0.0.1", 0
    )
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.cut()
