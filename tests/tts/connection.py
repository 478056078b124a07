"""Servers that die and connections that break, for tests of what goes on after."""

import asyncio
import os
import signal
from types import TracebackType
from urllib.parse import urlsplit

from eventually import eventually_async

from infra.nats_server import NatsServer


async def restarted_after_kill(server: NatsServer) -> None:
    """The server dies by kill -9 and is there again, on the same port."""
    place = urlsplit(server.url)
    os.killpg(int(server.child.program.pid_file.read_text()), signal.SIGKILL)

    async def gone() -> bool:
        try:
            _, there = await asyncio.open_connection(place.hostname, place.port)
        except ConnectionError:
            return True
        there.close()
        return False

    await eventually_async(gone)  # or the new one would take another port
    await server.start()
    assert server.url == place.geturl()


class Cuttable:
    """A way to a server that can be cut. `url`: the server by this way."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self.url = ""
        self._pipes: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Cuttable":
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"nats://{self._to.username}:{self._to.password}@127.0.0.1:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def used(self) -> bool:
        """Whether somebody is connected by this way."""
        return bool(self._pipes)

    async def close(self) -> None:
        """Break every connection, and let nobody through any more."""
        self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Break every connection there is, without a word; new ones may be made."""
        pipes = list(self._pipes)
        for pipe in pipes:
            pipe.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection(self._to.hostname, self._to.port)
        for source, sink in ((reader, there), (back, writer)):
            self._pipes.add(sink)
            task = asyncio.create_task(self._pass_on(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while passing := await source.read(65_536):
                sink.write(passing)
        except ConnectionError:
            pass
        finally:
            self._pipes.discard(sink)
            sink.close()
