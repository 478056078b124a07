"""One process's connection to NATS: the log's requests, and the audio plane beside them."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import nats.errors
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError

from contracts.streams import AUDIO, CALLS, STREAMS, Stream
from infra.answers import Answers
from infra.arriving import Arrivals
from infra.audio_client import WINDOW_S, AudioClient
from infra.cancelling import stop_if_cancelled
from infra.handover import Handover, Join, Listening, Sound, Ways
from infra.kept_frames import KeptFrames
from infra.lag import Acks

_log: Final = logging.getLogger("partyline.nats")
_CONNECT_S: Final = 10.0
_AGAIN_S: Final = 0.2
_SUITS_S: Final = 0.02  # nobody waits for what was handed over in memory
_UNAVAILABLE: Final = 503  # no leader yet, or too few servers are there
_NO_PLACE: Final = 10005  # no suitable servers, as yet
_STREAM_OFFLINE: Final = 10118  # none of the servers that hold it is there
_OFFLINE: Final = "offline"


class BusUnavailable(Exception):
    """No NATS server answered. Start one, or check the address given."""


class Bus:
    """The connection, its JetStream context and its audio plane."""

    def __init__(self, client: AudioClient) -> None:
        self.nc: Final = client
        self.js: Final[JetStreamContext] = client.jetstream(timeout=3)
        self.answers: Final = Answers(client)
        self.arrivals: Final = Arrivals(client)
        self._on_reconnect: list[Callable[[], Awaitable[None]]] = []
        self.acks: Final = Acks()  # how long the log takes
        self._kept = KeptFrames()
        when_it_suits = partial(self.pub_kept_soon, within_s=_SUITS_S)
        self._handover = Handover(Ways(self.pub_kept, self.pub_kept_soon, when_it_suits))
        self._closing = False

    @property
    def connected(self) -> bool:
        """False while the server is away; nats-py keeps trying."""
        return self.nc.is_connected and not self.nc.is_reconnecting

    def pub(self, subject: str, payload: bytes) -> None:
        """Publish a frame; nobody waits for it. See AudioClient.pub."""
        self.nc.pub(subject, payload)

    def pub_kept(self, subject: str, payload: bytes) -> None:
        """The same for a frame that is not to be lost when the server is away for a while.

        After a reconnection it is published, perhaps again: receivers tell frames by their number.
        """
        self._kept.add(subject, payload)
        if not self._kept.away:
            self.nc.pub(subject, payload)

    def pub_kept_soon(self, subject: str, payload: bytes, within_s: float = WINDOW_S) -> None:
        """The same for a frame that may wait a moment to be written together with others."""
        self._kept.add(subject, payload)
        if not self._kept.away:
            self.nc.pub_soon(subject, payload, within_s)

    def sound(self, subject: str, join: Join | None = None) -> Sound:
        """A way to publish what is not to be lost: past the server to who listens here.

        Args: join: makes one of some pieces that follow each other; these may then wait, for 5 ms
              to be written and for 200 ms where who listens has them already. None: each piece goes
              out alone and at once.
        """
        return self._handover.sound(subject, join)

    def appending(self) -> AbstractContextManager[None]:
        """During the block the log is to take something: frames from before it are kept."""
        return self._kept.appending()

    def acknowledged(self, since_s: float) -> None:
        """The log has taken what was given to it then, on the monotonic clock."""
        now_s = time.monotonic()
        self.acks.note((now_s - since_s) * 1000, now_s)

    def kept(self, subject: str) -> list[bytes]:
        """The newest frames of `subject` that were published here. What is gathered is, now."""
        self._handover.flush(subject)
        return [payload for kept, payload in self._kept if kept == subject]

    async def sub(self, subject: str, on_bytes: Callable[[bytes], None]) -> Listening:
        """Receive frames by a synchronous callback. See AudioClient.sub, and for sound `sound`."""
        listening = self._handover.listen(subject, on_bytes)
        try:
            listening.subscription = await self.nc.sub(subject, listening.on_bytes)
        except BaseException:
            listening.leave()
            raise
        return listening

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Await `callback` after each reconnection; call what is returned to stop that."""
        self._on_reconnect.append(callback)
        return lambda: self._on_reconnect.remove(callback)

    async def disconnected(self) -> None:
        """Say so, unless we wanted it. Called by the connection."""
        self._kept.away = True
        if not self._closing:
            _log.warning("NATS is away; trying again")

    async def reconnected(self) -> None:
        """Tell all who asked. Called by the connection."""
        _log.info("NATS is back")
        await restore_audio(self)
        await self._publish_again()
        await asyncio.gather(*(callback() for callback in list(self._on_reconnect)))

    async def _publish_again(self) -> None:
        """All that is kept, in pieces that the connection takes; what comes meanwhile, last."""
        self._handover.flush()
        for place, (subject, payload) in enumerate(self._kept):
            self.nc.pub(subject, payload)
            if place % 1000 == 999:
                with contextlib.suppress(nats.errors.Error):
                    await self.nc.flush()
        self._kept.away = False

    async def close(self) -> None:
        """Close the connection; nothing is sent after."""
        self._closing = True
        self._handover.flush()
        try:
            await self.nc.close()
        except ConnectionError:  # the server went first
            pass
        except asyncio.CancelledError:  # nats-py's own, when it was reconnecting
            stop_if_cancelled()


async def connect(url: str, *, name: str) -> Bus:
    """A connection that comes back by itself. Raises BusUnavailable after 10 s without a server.

    Args: url: one or several servers, separated by commas; name: shown in the server's monitor.
    """
    client = AudioClient()
    bus = Bus(client)
    servers = url.split(",")
    options: dict[str, Any] = {
        "name": name,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.2,
        "ping_interval": 2,  # a server that stalls is left for another after three of these
        "max_outstanding_pings": 2,
        "pending_size": 8 * 1024 * 1024,
        "error_cb": _on_error,
        "disconnected_cb": bus.disconnected,
        "reconnected_cb": bus.reconnected,
        **_credential(servers[0]),
    }
    try:
        await asyncio.wait_for(client.connect(servers, **options), _CONNECT_S)
    except (TimeoutError, OSError, nats.errors.Error) as failed:
        await client.close()
        raise BusUnavailable(f"NATS did not answer: {type(failed).__name__}") from None
    return bus


def _credential(url: str) -> dict[str, str]:
    """For servers a cluster tells us of later, too: nats-py gives up for good when one refuses."""
    place = urlsplit(url)
    if place.username and place.password:
        return {"user": place.username, "password": place.password}
    return {"token": place.username} if place.username else {}


async def restore_audio(bus: Bus) -> None:
    """Make the AUDIO stream anew where it went with the only server that held it in memory."""
    try:
        try:
            await bus.js.stream_info(AUDIO.name)
        except NotFoundError:
            await bus.js.add_stream(_config(AUDIO, 1))
    except (TimeoutError, OSError, nats.errors.Error, APIError) as away:
        _log.warning("the AUDIO stream is not there: %s", type(away).__name__)


async def _on_error(error: Exception) -> None:
    _log.warning("NATS: %s", type(error).__name__)


async def create_streams(
    bus: Bus, *, replicas: int = 0, keep_calls: bool = False, patience_s: float = 30.0
) -> None:
    """Make every stream of the topology, or bring its settings up to date.

    Args:   replicas: copies of each; 0: 3 in a cluster, 1 on a server alone. A stream that has more
            keeps them.
            keep_calls: CALLS never forgets by age, only what an archiver lets go. Once it was so it
            stays so: a process without the archive's setting must not make the log forget.
            patience_s: how long a cluster may take to agree on a leader and on where to put them.
    Raises: BusUnavailable when it took longer; APIError when the server refuses.
    """
    replicas = replicas or bus.nc.usual_replicas
    deadline = time.monotonic() + patience_s
    for stream in STREAMS:
        kept = keep_calls and stream is CALLS
        while (trouble := await _create(bus, stream, replicas, kept)) is not None:
            patient = time.monotonic() < deadline
            if not stream.replicated and (trouble == _OFFLINE or not patient):
                _log.warning("stream %s is away with its server: going on", stream.name)
                break
            if not patient:
                raise BusUnavailable(f"NATS did not make stream {stream.name}: {trouble}")
            await asyncio.sleep(_AGAIN_S)


async def forget_calls(bus: Bus, after_s: int) -> None:
    """Let CALLS forget what is older; 0: nothing. Raises APIError and what a request raises."""
    config = (await bus.js.stream_info(CALLS.name)).config
    if (config.max_age or 0) != after_s:
        config.max_age = after_s
        await bus.js.update_stream(config)


async def _create(bus: Bus, stream: Stream, replicas: int, kept: bool) -> str | None:
    """Try once. Returns why it is to be tried again; None when it is done."""
    try:
        await _create_once(bus, stream, replicas, kept)
    except (TimeoutError, nats.errors.Error) as failed:
        if not isinstance(failed, APIError):
            return type(failed).__name__
        if failed.err_code == _STREAM_OFFLINE:
            return _OFFLINE
        if failed.code == _UNAVAILABLE or failed.err_code == _NO_PLACE:
            return failed.description or "not available"
        raise
    return None


async def _create_once(bus: Bus, stream: Stream, replicas: int, kept: bool) -> None:
    config = _config(stream, replicas)
    config.max_age = 0 if kept else config.max_age
    try:
        there = await bus.js.stream_info(stream.name)
    except NotFoundError:
        await bus.js.add_stream(config)
    else:
        if stream.replicated:
            config.num_replicas = max(replicas, there.config.num_replicas or 1)
        if stream is CALLS and not there.config.max_age:
            config.max_age = 0
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
        max_msgs_per_subject=stream.max_per_subject,
        discard=api.DiscardPolicy.NEW if stream.max_per_subject > 0 else api.DiscardPolicy.OLD,
        discard_new_per_subject=stream.max_per_subject > 0,
        max_consumers=stream.max_consumers,
        duplicate_window=stream.duplicate_window_s,
        num_replicas=replicas if stream.replicated else 1,
        republish=live,
        allow_direct=True,
    )
