"""Groups of calls in NATS accounts of their own: one cluster, and nothing in common."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from eventually import eventually_async

from contracts.claim import Claim
from contracts.event import AgentRef
from contracts.ids import AgentId, HostId, TenantId, new_call_id
from contracts.line import DigitPressed
from contracts.recorded import Message
from contracts.streams import STREAMS
from infra.call_log import CallLog
from infra.children import NotReady
from infra.claims import Claims, offer
from infra.journal import NatsJournal
from infra.loopback_ports import free_port
from infra.nats import Bus, connect, create_streams
from infra.nats_server import assert_durable, binary, configuration

pytestmark = pytest.mark.stack

TENANT = TenantId("main")
REF = AgentRef(agent=AgentId("a"), revision=1)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    """Where a server with the accounts PARTYLINE and NORTH is: `host:port`."""
    port = free_port()
    config = configuration(tmp_path / "store", "secret", port)
    config["accounts"]["NORTH"] = {
        "jetstream": "enabled",
        "users": [{"user": "north", "password": "secret"}],
    }
    file = tmp_path / "nats.json"
    file.write_text(json.dumps(config))
    process = await asyncio.create_subprocess_exec(
        *(str(binary()), "--config", str(file)), stderr=asyncio.subprocess.DEVNULL
    )
    place = f"127.0.0.1:{port}"

    async def answers() -> bool:
        try:
            await assert_durable(f"nats://system:secret@{place}")
        except NotReady:
            return False
        return True

    await eventually_async(answers)
    yield place
    process.terminate()
    await process.wait()


@asynccontextmanager
async def joined(server: str, user: str) -> AsyncIterator[Bus]:
    """As a process with PARTYLINE_NATS=nats://USER:PASSWORD@HOST joins."""
    bus = await connect(f"nats://{user}:secret@{server}", name=user)
    await create_streams(bus)
    try:
        yield bus
    finally:
        await bus.close()


async def test_each_group_has_all_streams_of_its_own(server: str) -> None:
    async with joined(server, "partyline") as one, joined(server, "north") as other:
        call, pressed = new_call_id(), DigitPressed(at_ms=1, digit="1")
        message = Message(by="gateway", events=(pressed,))
        await NatsJournal(one).append(TENANT, call, "line", message, id="1")
        assert await CallLog(one).calls(TENANT) == [call]
        assert await CallLog(other).calls(TENANT) == []
        names = {info.config.name for info in await other.js.streams_info()}
        assert names == {stream.name for stream in STREAMS}


async def test_a_call_is_offered_to_hosts_of_its_own_group_alone(server: str) -> None:
    async with joined(server, "partyline") as one, joined(server, "north") as other:
        ours = Claim(tenant=TENANT, call=new_call_id(), role="stt", agent=REF, rang_ms=1)
        theirs = Claim(tenant=TENANT, call=new_call_id(), role="stt", agent=REF, rang_ms=1)
        async with (
            Claims(one, "stt", HostId("ours")) as here,
            Claims(other, "stt", HostId("theirs")) as there,
        ):
            await offer(other, theirs)
            await offer(one, ours)
            assert (await here.take()).claim.call == ours.call
            assert (await there.take()).claim.call == theirs.call


async def test_sound_of_one_group_is_not_heard_in_another(server: str) -> None:
    async with joined(server, "partyline") as one, joined(server, "north") as other:
        heard: list[tuple[str, bytes]] = []
        await one.sub("audio.>", lambda frame: heard.append(("one", frame)))
        await other.sub("audio.>", lambda frame: heard.append(("other", frame)))
        await one.nc.flush()
        await other.nc.flush()
        other.pub("audio.main.c.caller", b"theirs")
        await other.nc.flush()
        one.pub("audio.main.c.caller", b"ours")
        await one.nc.flush()

        async def both() -> bool:
            return len(heard) == 2

        await eventually_async(both)
        assert sorted(heard) == [("one", b"ours"), ("other", b"theirs")]
