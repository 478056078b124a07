"""One process's connection to NATS: the log's requests, and the audio plane beside them."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from contracts.streams import CALLS, STREAMS, Stream

_log: Final = logging.getLogger("partyline.nats")
_CONNECT_S: Final = 10.0
_BUFFER_BYTES: Final = 4 * 1024 * 1024  # a server that stalls so long misses frames, not memory


class BusUnavailable(Exception):
    """No NATS server answered. Start one, or check the address given."""


class AudioClient(Client):
    """nats-py's client with a short way for audio: no Msg, no queue and no task for each frame.

    Reconnecting, TLS and authentication stay nats-py's own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._on_bytes: dict[int, Callable[[bytes], None]] = {}
        self.frames_dropped = 0

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        on_bytes = self._on_bytes.get(sid)
        if on_bytes is None:
            await super()._process_msg(sid, subject, reply, data, headers)
        else:
            on_bytes(data)

    def pub(self, subject: str, payload: bytes) -> None:
        """Write at once. While the server is away or stalls the frame is dropped and counted."""
        transport: Any = self._transport  # nats-py's own writer, past its queue and flusher task
        writer = transport._io_writer if transport and self.is_connected else None
        if writer is None or writer.transport.get_write_buffer_size() > _BUFFER_BYTES:
            self.frames_dropped += 1
            return
        writer.write(b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(payload), payload))

    async def sub(self, subject: str, on_bytes: Callable[[bytes], None]) -> Subscription:
        """Hand each payload to `on_bytes` in the reader's own turn: it must be quick."""
        subscription = await self.subscribe(subject)
        self._on_bytes[subscription._id] = on_bytes
        return subscription

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._on_bytes.pop(sid, None)
        super()._remove_sub(sid, max_msgs)


class Bus:
    """The connection, its JetStream context and its audio plane."""

    def __init__(self, client: AudioClient) -> None:
        self.nc: Final = client
        self.js: Final[JetStreamContext] = client.jetstream(timeout=3)
        self._on_reconnect: list[Callable[[], Awaitable[None]]] = []
        self._closing = False

    @property
    def connected(self) -> bool:
        """False while the server is away; nats-py keeps trying."""
        return self.nc.is_connected and not self.nc.is_reconnecting

    def pub(self, subject: str, payload: bytes) -> None:
        """Publish a frame; nobody waits for it. See AudioClient.pub."""
        self.nc.pub(subject, payload)

    async def sub(self, subject: str, on_bytes: Callable[[bytes], None]) -> Subscription:
        """Receive frames by a synchronous callback. See AudioClient.sub."""
        return await self.nc.sub(subject, on_bytes)

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Await `callback` after each reconnection; call what is returned to stop that."""
        self._on_reconnect.append(callback)
        return lambda: self._on_reconnect.remove(callback)

    async def disconnected(self) -> None:
        """Say so, unless we wanted it. Called by the connection."""
        if not self._closing:
            _log.warning("NATS is away; trying again")

    async def reconnected(self) -> None:
        """Tell all who asked. Called by the connection."""
        _log.info("NATS is back")
        await asyncio.gather(*(callback() for callback in list(self._on_reconnect)))

    async def close(self) -> None:
        """Close the connection; nothing is sent after."""
        self._closing = True
        with contextlib.suppress(ConnectionError):  # the server went first
            await self.nc.close()


async def connect(url: str, *, name: str) -> Bus:
    """A connection that comes back by itself. Raises BusUnavailable after 10 s without a server.

    Args: url: one or several servers, separated by commas; name: shown in the server's monitor.
    """
    client = AudioClient()
    bus = Bus(client)
    options: dict[str, Any] = {
        "name": name,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.2,
        "ping_interval": 5,
        "max_outstanding_pings": 2,
        "pending_size": 8 * 1024 * 1024,
        "error_cb": _on_error,
        "disconnected_cb": bus.disconnected,
        "reconnected_cb": bus.reconnected,
    }
    try:
        await asyncio.wait_for(client.connect(url.split(","), **options), _CONNECT_S)
    except (TimeoutError, OSError, nats.errors.Error) as failed:
        await client.close()
        raise BusUnavailable(f"NATS did not answer: {type(failed).__name__}") from None
    return bus


async def _on_error(error: Exception) -> None:
    _log.warning("NATS: %s", type(error).__name__)


async def create_streams(bus: Bus, *, replicas: int = 1) -> None:
    """Make every stream of the topology, or bring its settings up to date."""
    for stream in STREAMS:
        config = _config(stream, replicas)
        try:
            await bus.js.stream_info(stream.name)
        except NotFoundError:
            await bus.js.add_stream(config)
        else:
            await bus.js.update_stream(config)


def _config(stream: Stream, replicas: int) -> api.StreamConfig:
    live = api.RePublish(src=stream.live[0], dest=stream.live[1]) if stream.live else None
    return api.StreamConfig(
        name=stream.name,
        description=stream.holds,
        subjects=list(stream.subjects),
        storage=api.StorageType(stream.storage),
        retention=api.RetentionPolicy(stream.retention),
        max_age=stream.max_age_s,
        max_bytes=stream.max_bytes,
        max_consumers=stream.max_consumers,
        duplicate_window=stream.duplicate_window_s,
        num_replicas=replicas if stream.replicated else 1,
        republish=live,
        allow_direct=True,
        max_msg_size=-1 if stream is not CALLS else 512 * 1024,
    )
