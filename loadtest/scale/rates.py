"""What one nats-server takes: appends to the log, frames of sound, subjects that are kept."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from contracts.ids import CallId, TenantId, new_call_id
from contracts.streams import AUDIO, CALLS, FAMILIES, audio_subject, call_subject
from infra.data_folder import make_folders
from infra.nats import Bus, connect, create_streams
from infra.nats_cluster import NatsCluster
from infra.nats_server import NatsServer
from loadtest.proc import cost, folder_mib
from services.audio.frames import FRAME_BYTES, pack_caller

_TENANT: Final = TenantId("scale")
_SECRET: Final = "secret"
_IN_FLIGHT: Final = 256  # appends of all calls together that wait for their acknowledgement
_SPREAD: Final = 500  # calls they belong to
_CALLS: Final = 1_000  # whose frames come at a time
_CAPTURED_S: Final = 30.0  # after the last frame was written
_FRAME: Final = pack_caller(1, 1, bytes(FRAME_BYTES))


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """What was published to one stream, as fast as it took it."""

    messages: int
    per_s: float
    server_us: float  # CPU of all nats-servers for each
    client_us: float  # CPU of the driver for each
    stored_bytes: float  # of all nats-servers for each, on disk or in memory


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What subjects cost that stay."""

    subjects: int
    rss_bytes: float  # for each, beside its message on disk
    start_s: float  # of a server that finds them all


class Servers(NamedTuple):
    """Those that are measured."""

    folder: Path
    bus: Bus
    pids: Callable[[], Sequence[int]]

    def cpu_s(self) -> float:
        """All of them, so far."""
        return sum(cost(pid).cpu_s for pid in self.pids())

    def rss_mib(self) -> float:
        """All of them, now."""
        return sum(cost(pid).rss_mib for pid in self.pids())


async def appends(servers: Servers, count: int, payload_bytes: int) -> Rate:
    """Appends to CALLS by many calls, each with its id and its acknowledgement."""
    subjects = [_subject(new_call_id(), n) for n in range(_SPREAD)]
    payload, stored = bytes(payload_bytes), await _stored(servers.bus, CALLS.name)
    disk_mib, began = folder_mib(servers.folder), _Began(servers)
    await _append(servers.bus, subjects, count, payload)
    rate = began.rate(count)
    assert await _stored(servers.bus, CALLS.name) == stored + count
    stored_bytes = (folder_mib(servers.folder) - disk_mib) * 2**20 / count
    return msgspec.structs.replace(rate, stored_bytes=round(stored_bytes))


async def frames(servers: Servers, count: int) -> Rate:
    """Frames of sound, captured by the AUDIO stream: what is written, and waits for nobody."""
    bus = servers.bus
    subjects = [audio_subject(_TENANT, new_call_id(), "caller") for _ in range(_CALLS)]
    before, began = await _newest(bus), _Began(servers)
    for _ in range(count // len(subjects)):
        for subject in subjects:
            bus.nc.pub_soon(subject, _FRAME)  # as gateways do: many frames in one write
        await bus.nc.flush()
    sent = count // len(subjects) * len(subjects)
    await _until_captured(bus, before + sent)
    rate, state = began.rate(sent), (await bus.js.stream_info(AUDIO.name)).state
    return msgspec.structs.replace(rate, stored_bytes=round(state.bytes / state.messages))


async def kept(folder: Path, subjects: int, payload_bytes: int) -> Kept:
    """So many subjects with a message each, then a new start of the server."""
    async with alone(folder) as servers:
        await _append(servers.bus, [_subject(new_call_id(), 0)], 1000, bytes(payload_bytes))
        before_mib = servers.rss_mib()
        names = [_subject(new_call_id(), n) for n in range(subjects)]
        await _append(servers.bus, names, subjects, bytes(payload_bytes))
        rss_bytes = (servers.rss_mib() - before_mib) * 2**20 / subjects
    server, began_s = NatsServer(make_folders(folder), _SECRET), time.monotonic()
    try:
        await server.start()
        start_s = time.monotonic() - began_s
    finally:
        await server.stop()
    return Kept(subjects=subjects, rss_bytes=round(rss_bytes), start_s=round(start_s, 2))


async def three_nodes(folder: Path, count: int, payload_bytes: int) -> Rate:
    """The same appends where each is on three servers before it is acknowledged."""
    async with _serving(NatsCluster(make_folders(folder), _SECRET), folder) as servers:
        return await appends(servers, count, payload_bytes)


def alone(folder: Path) -> AbstractAsyncContextManager[Servers]:
    """One nats-server on a data folder, with all streams."""
    return _serving(NatsServer(make_folders(folder), _SECRET), folder)


@asynccontextmanager
async def _serving(servers: NatsServer | NatsCluster, folder: Path) -> AsyncIterator[Servers]:
    await servers.start()
    try:
        bus = await connect(servers.url, name="scale")
        try:
            await create_streams(bus)
            yield Servers(folder, bus, lambda: _pids(folder))
        finally:
            await bus.close()
    finally:
        await servers.stop()


def _pids(folder: Path) -> list[int]:
    return [int(file.read_text()) for file in sorted((folder / "run").glob("nats*.pid"))]


async def _append(bus: Bus, subjects: Sequence[str], count: int, payload: bytes) -> None:
    """Every acknowledgement is looked at: a refusal raises APIError."""
    room, base = asyncio.Semaphore(_IN_FLIGHT), new_call_id()

    async def one(n: int) -> None:
        async with room:
            headers = {"Nats-Msg-Id": f"{base}:{n}"}
            await (
                await bus.js.publish_async(subjects[n % len(subjects)], payload, headers=headers)
            )

    async with asyncio.TaskGroup() as group:
        for n in range(count):
            group.create_task(one(n))


async def _stored(bus: Bus, stream: str) -> int:
    return (await bus.js.stream_info(stream)).state.messages


async def _until_captured(bus: Bus, newest: int) -> None:
    """Raises TimeoutError."""
    deadline_s = time.monotonic() + _CAPTURED_S
    while (missing := newest - await _newest(bus)) > 0:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{missing} frames were lost on the way")
        await asyncio.sleep(missing * 5e-6)


async def _newest(bus: Bus) -> int:
    return (await bus.js.stream_info(AUDIO.name)).state.last_seq


def _subject(call: CallId, n: int) -> str:
    return call_subject(_TENANT, call, FAMILIES[n % len(FAMILIES)])


class _Began:
    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._at_s, self._own_s = time.monotonic(), time.process_time()
        self._cpu_s = servers.cpu_s()

    def rate(self, count: int) -> Rate:
        return Rate(
            messages=count,
            per_s=round(count / (time.monotonic() - self._at_s)),
            server_us=round((self._servers.cpu_s() - self._cpu_s) / count * 1e6, 1),
            stored_bytes=0.0,
            client_us=round((time.process_time() - self._own_s) / count * 1e6, 1),
        )
