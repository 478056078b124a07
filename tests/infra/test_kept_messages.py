"""What a process stored itself is known by its bytes when the log brings it back."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from contracts.codec import Codec, Unreadable
from contracts.dialog import ModelWrote
from contracts.ids import CallId, TenantId, new_call_id
from contracts.marked_fields import ERASED
from contracts.outcome import CallErased
from contracts.recorded import Decision, Message, Recorded
from infra.journal import NatsJournal
from infra.live import follow
from infra.nats import Bus, connect, create_streams
from infra.sealing import MasterKey
from infra.vault import Vault

pytestmark = pytest.mark.stack
TENANT = TenantId("practice")
WORDS = "an appointment for Zoë on Tuesday"
SAID = Message(
    by="dialog-1-a",
    events=(),
    decision=Decision(n=1, basis=2, cause=ModelWrote(at_ms=1, reply=1, text=WORDS)),
)


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    bus = await connect(nats_url, name="test")
    await create_streams(bus)
    yield bus
    await bus.close()


@pytest.fixture
def vault(bus: Bus) -> Vault:
    return Vault(bus, MasterKey(os.urandom(64)))


@pytest.fixture
async def call(vault: Vault) -> CallId:
    call = new_call_id()
    await vault.begin(call)
    return call


async def stored(codec: Codec, bus: Bus, call: CallId, message: Message = SAID) -> bytes:
    journal = NatsJournal(bus, codec)
    return (await journal.append(TENANT, call, "dialog", message, id=f"{call}:1")).payload


async def test_it_comes_back_live_as_it_went(bus: Bus, vault: Vault, call: CallId) -> None:
    codec = Codec(vault)
    come: asyncio.Queue[object] = asyncio.Queue()
    journal = NatsJournal(bus, codec)
    following = await follow(bus, journal, TENANT, call, into=come.put_nowait)
    await stored(codec, bus, call)
    recorded = await asyncio.wait_for(come.get(), 5)
    await following.close()
    assert isinstance(recorded, Recorded)
    assert recorded.message is SAID
    assert WORDS.encode() not in recorded.payload


async def test_what_the_log_is_asked_for_is_read_from_its_bytes(
    bus: Bus, vault: Vault, call: CallId
) -> None:
    codec = Codec(vault)
    payload = await stored(codec, bus, call)
    assert codec.decode(call, payload) is not SAID
    assert codec.decode(call, payload) == SAID
    assert codec.decode(call, payload, live=True) is SAID


async def test_what_another_process_stored_is_opened(bus: Bus, vault: Vault, call: CallId) -> None:
    payload = await stored(Codec(vault), bus, call)
    assert Codec(vault).decode(call, payload, live=True) == SAID


async def test_another_calls_bytes_are_not_taken_for_it(
    bus: Bus, vault: Vault, call: CallId
) -> None:
    codec, another = Codec(vault), new_call_id()
    payload = await stored(codec, bus, call)
    await vault.begin(another)
    with pytest.raises(Unreadable):
        codec.decode(another, payload, live=True)


async def test_once_the_call_is_erased_it_is_erased_here_too(
    bus: Bus, vault: Vault, call: CallId
) -> None:
    codec = Codec(vault)
    payload = await stored(codec, bus, call)
    await vault.erase(call)
    erased = codec.decode(call, payload, live=True)
    assert erased.sealed == "erased"
    assert erased.decision is not None
    assert isinstance(erased.decision.cause, ModelWrote)
    assert erased.decision.cause.text == ERASED


async def test_a_process_that_reads_of_an_erasure_of_its_own_forgets_the_key(
    bus: Bus, vault: Vault, call: CallId
) -> None:
    codec = Codec(vault)
    said = await stored(codec, bus, call)
    erased = Message(by="cli-1-a", events=(CallErased(at_ms=2, by="keeper"),))
    codec.keep(call, erased, codec.encode(call, erased))
    codec.decode(call, codec.encode(call, erased), live=True)
    assert codec.decode(call, said, live=True).sealed == "erased"


async def test_who_reads_a_call_in_order_opens_nothing_behind_its_erasure(
    bus: Bus, vault: Vault, call: CallId
) -> None:
    codec = Codec(vault)
    said = await stored(codec, bus, call)
    erased = codec.encode(call, Message(by="cli-1-a", events=(CallErased(at_ms=2, by="keeper"),)))
    reader = codec.of_call(call)
    assert [reader.decode(each).sealed for each in (said, erased, said)] == ["", "", "erased"]


async def test_only_the_newest_are_kept(bus: Bus, vault: Vault, call: CallId) -> None:
    codec = Codec(vault)
    payload = await stored(codec, bus, call)
    for number in range(256):
        codec.keep(call, SAID, b"%d" % number)
    assert codec.decode(call, payload, live=True) is not SAID
