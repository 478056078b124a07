"""A ring gets its key before anything of it is stored, and the same ring no other."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from gateway_house import House, facts
from twilio_double import sid

from contracts.codec import Codec
from contracts.ids import CallId
from contracts.line import LineRang
from contracts.streams import CALLS, KEYS, call_subject, key_subject
from infra.data_folder import make_folders
from infra.journal import NatsJournal
from infra.nats import connect, create_streams
from infra.nats_server import NatsServer
from infra.sealing import MasterKey
from infra.vault import Vault

pytestmark = pytest.mark.stack
MASTER = MasterKey(os.urandom(64))


def seals(house: House) -> House:
    """The house with keys of its own at hand."""
    house.journal = NatsJournal(house.bus, Codec(Vault(house.bus, MASTER)))
    return house


@pytest.fixture
async def sealed(tmp_path: Path) -> AsyncIterator[House]:
    """On a server of its own: what holds sealed calls is opened by one master key alone."""
    server = NatsServer(make_folders(tmp_path / "log"), "secret")
    await server.start()
    bus = await connect(server.url, name="tests")
    await create_streams(bus)
    async with AsyncExitStack() as leaving:
        house = seals(House(bus, leaving))
        await house.publish()
        yield house
    await bus.close()
    await server.stop()


async def test_the_ring_is_stored_sealed_and_read_by_the_others(sealed: House) -> None:
    twilio = await sealed.twilio(await sealed.open())
    document = await twilio.ring("?var_name=Theodora-Wilhelmina")
    subject = call_subject(sealed.tenant, CallId(document.call), "line")
    stored = (await sealed.bus.js.get_last_msg(CALLS.name, subject)).data or b""
    assert b'"sealed":"siv"' in stored
    assert b"+15551230001" not in stored
    assert b"Theodora" not in stored
    (rang,) = await seals(sealed).events(document.call)  # by a process that has no key at hand
    assert isinstance(rang, LineRang)
    assert facts(rang)["caller"] == "+15551230001"
    assert facts(rang)["variables"] == {"name": "Theodora-Wilhelmina"}


async def test_the_same_ring_at_two_gateways_is_one_call_that_both_can_read(sealed: House) -> None:
    here = await sealed.open()
    there = await seals(sealed).open()
    call_sid = sid("CA")
    first = await (await sealed.twilio(here)).ring(call_sid=call_sid)
    again = await (await sealed.twilio(here)).ring(call_sid=call_sid)
    other = await (await sealed.twilio(there)).ring(call_sid=call_sid)
    assert first.call == again.call == other.call
    assert len(await sealed.events(first.call)) == 1
    key = await sealed.bus.js.get_last_msg(KEYS.name, key_subject(CallId(first.call)))
    assert key.seq == 1


async def test_a_ring_that_can_get_no_key_is_not_recorded_in_the_clear(sealed: House) -> None:
    twilio = await sealed.twilio(await sealed.open(ring_ms=1_500))
    await sealed.bus.js.delete_stream(KEYS.name)
    document = await twilio.ring()
    assert document.verbs != ["Connect", "Redirect"]
    assert (await sealed.bus.js.stream_info(CALLS.name)).state.messages == 0
