"""A proxy before a real nats-server that acts on single messages.

It reads the client protocol, https://docs.nats.io/reference/reference-protocols/nats-protocol, and
asks `publishes` about each publish to a watched subject, `answers` about each message to the reply
subject of one: an acknowledgement, or a message of a batch. All else passes. Connections can be
cut, refused and held as a whole.

    async with proxy(nats_url) as between:
        bus = await connect(between.url, name="flaky")
        between.answers = in_turn(LOST)  # the next acknowledgement never arrives
"""

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Iterator
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from nats_fates import PASS, Fate, Fates, Publish
from nats_frames import Frame, read_frame

from infra.cancelling import end_tasks
from infra.loopback_ports import free_port

_HOST: Final = "127.0.0.1"
_LARGEST_LINE_BYTES: Final = 1_048_576
_LATEST_S: Final = 5.0
_LOOK_S: Final = 0.05
_GONE: Final = (asyncio.IncompleteReadError, ConnectionError)


class Proxy:
    """Set `publishes` and `answers` to decide about messages: see nats_fates."""

    def __init__(self, upstream: str, watched: str) -> None:
        self.publishes: Fates = lambda _: PASS
        self.answers: Fates = lambda _: PASS
        self.published = 0  # to watched subjects, whatever became of it
        self.connections = 0  # accepted so far
        self.asked: list[bytes] = []  # the clients' operations, as SUB or PING, in their order
        self._upstream, self._watched = urlsplit(upstream), watched
        self._port = free_port()
        self._listener: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._links: dict[_Link, asyncio.Task[None]] = {}
        self._awaited: dict[str, Publish] = {}  # by the subject of the answer

    @property
    def url(self) -> str:
        """For clients: the upstream's, credentials and all, with the proxy's own port."""
        credentials, at, _ = self._upstream.netloc.rpartition("@")
        return urlunsplit(self._upstream._replace(netloc=f"{credentials}{at}{_HOST}:{self._port}"))

    def cut(self) -> None:
        """Cut every connection. What had come from a client still reaches the server."""
        for link in self._links:
            link.cut()

    @contextlib.asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """During the block the server cannot be reached: cut, and new connections refused."""
        self.shut()
        try:
            yield
        finally:
            await self.listen()

    async def listen(self) -> None:
        """Accept connections: on the port we had, once who took it meanwhile is gone."""
        async with asyncio.timeout(_LATEST_S * 2):
            while True:
                try:
                    self._listener = await asyncio.start_server(
                        self._accept, _HOST, self._port, limit=_LARGEST_LINE_BYTES
                    )
                    return
                except OSError as taken:
                    if taken.errno != errno.EADDRINUSE:
                        raise
                await asyncio.sleep(_LOOK_S)

    def shut(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._listener:
            self._listener.close()
        self._listener = None
        self.cut()

    async def close(self) -> None:
        """End all connections, once what is late has been sent."""
        self.shut()
        self._flowing.set()
        running = list(self._links.values())
        if running:
            await asyncio.wait(running, timeout=_LATEST_S)
        await end_tasks(running)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """During the block nothing passes, either way; connections stay."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        host, port = self._upstream.hostname, self._upstream.port
        try:
            server = await asyncio.open_connection(host, port, limit=_LARGEST_LINE_BYTES)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, (reader, writer), server)
        task = self._links[link] = asyncio.create_task(link.run())
        task.add_done_callback(lambda _: self._links.pop(link))
        if self._listener is None:  # shut since
            link.cut()

    def recognised(self, frame: Frame) -> Publish | None:
        """The watched publish that a client's frame is, counted."""
        self.asked.append(frame.op)
        if frame.op not in (b"PUB", b"HPUB") or not frame.subject.startswith(self._watched):
            return None
        self.published += 1
        publish = Publish(self.published, frame.subject, frame.message_id, frame.payload)
        self._awaited[frame.reply] = publish
        return publish

    def answered(self, frame: Frame) -> Publish | None:
        """The watched publish that a server's frame answers, on whichever connection."""
        return self._awaited.get(frame.subject) if frame.op in (b"MSG", b"HMSG") else None

    async def flowing(self) -> None:
        """Returns when traffic is not held."""
        await self._flowing.wait()


@contextlib.asynccontextmanager
async def proxy(upstream: str, *, watched: str = "call.") -> AsyncIterator[Proxy]:
    """A proxy on a port of its own. On the way out its connections are cut and late ones sent.

    Args: upstream: one server's URL; watched: what the subjects of interest begin with.
    """
    between = Proxy(upstream, watched)
    await between.listen()
    try:
        yield between
    finally:
        await between.close()


class _Link:
    """One client's connection, and the proxy's own to the server on its behalf."""

    def __init__(
        self,
        proxy: Proxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._from_client, self._to_client = client
        self._from_server, self._to_server = server
        self._late: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Pass frames on until either end is gone."""
        try:
            await asyncio.gather(self._upward(), self._downward())
        finally:
            await end_tasks(self._late)
            self._to_client.transport.abort()
            self._to_server.transport.abort()

    def cut(self) -> None:
        """Drop the client. The server reads what came before, then sees the end."""
        self._to_client.transport.abort()

    async def _upward(self) -> None:
        with contextlib.suppress(*_GONE):
            while True:
                frame = await read_frame(self._from_client)
                await self._proxy.flowing()
                publish = self._proxy.recognised(frame)
                if publish is None:
                    await _write(self._to_server, frame.raw)
                    continue
                await self._meet(self._proxy.publishes(publish), frame.raw, self._to_server)
        if self._late:
            await asyncio.wait(self._late)
        if not self._to_server.transport.is_closing():
            self._to_server.write_eof()  # closing outright could take back what was sent

    async def _downward(self) -> None:
        with contextlib.suppress(*_GONE):
            while True:
                frame = await read_frame(self._from_server)
                await self._proxy.flowing()
                publish = self._proxy.answered(frame)
                if publish is None:
                    await self._give(frame.raw)
                else:
                    fate = self._proxy.answers(publish)
                    await self._meet(fate, frame.raw, self._to_client)
        self.cut()

    async def _meet(self, fate: Fate, raw: bytes, to: asyncio.StreamWriter) -> None:
        if fate.copies and fate.late_s:
            late = asyncio.create_task(self._send_late(fate, raw, to))
            self._late.add(late)
            late.add_done_callback(self._late.discard)
        elif fate.copies:
            await self._send(raw * fate.copies, to)
        if fate.cut:
            self.cut()

    async def _send_late(self, fate: Fate, raw: bytes, to: asyncio.StreamWriter) -> None:
        await asyncio.sleep(fate.late_s)
        with contextlib.suppress(*_GONE):
            await self._send(raw * fate.copies, to)

    async def _send(self, raw: bytes, to: asyncio.StreamWriter) -> None:
        await (self._give(raw) if to is self._to_client else _write(to, raw))

    async def _give(self, raw: bytes) -> None:
        """To the client. To one that is gone nothing is given, but the server is heard out."""
        if not self._to_client.transport.is_closing():
            with contextlib.suppress(ConnectionError):
                await _write(self._to_client, raw)


async def _write(writer: asyncio.StreamWriter, raw: bytes) -> None:
    writer.write(raw)
    await writer.drain()
