"""Calls not seen every day: odd names, wrong clocks, bytes nobody can read, great length."""

import os
from pathlib import Path

import pytest
from archive_house import DAY_MS, TENANT, House, read_all

from contracts import line
from contracts.codec import Codec
from contracts.event import AgentRef
from contracts.ids import AgentId, CallId, TenantId, new_call_id
from contracts.line import LineRang
from contracts.outcome import OutcomeRecorded
from infra.archive import open_archive
from infra.archive.log import all_young
from infra.call_log import CallLog
from infra.journal import NatsJournal
from infra.sealing import MasterKey
from infra.vault import Vault

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("tenant", ["-", "_", "CON", "a" * 64, "0"])
async def test_tenants_with_odd_names_have_folders_of_their_own(
    town: House, tmp_path: Path, tenant: str
) -> None:
    theirs, other = TenantId(tenant), TenantId(tenant[:63] + "x")
    call, another = await town.ended_call(theirs), await town.ended_call(other)
    archive = open_archive(str(tmp_path / "archive"))
    await town.archive(archive)
    assert await archive.calls(theirs) == [call]
    assert await archive.calls(other) == [another]
    assert (await archive.read(theirs, another)).history == []


async def test_a_call_of_a_name_no_contract_covers_stays_and_stops_nobody(
    town: House, tmp_path: Path
) -> None:
    await town.bus.js.publish("call.we/ird=.x.line", b"{}")
    await town.bus.js.publish("call.main.é.line", b"{}")
    await town.ended_call()
    done = await town.archive(open_archive(str(tmp_path / "archive")))
    assert (done.calls, done.strange) == (1, 2)
    assert await town.stored() == 2


async def test_call_ids_that_tell_no_time_are_archived_and_found(
    town: House, tmp_path: Path
) -> None:
    call = await town.ended_call(call=CallId("the-call-of-monday"))
    archive = open_archive(str(tmp_path / "archive"))
    await town.archive(archive)
    late = await town.store(TENANT, call, "outcome", OutcomeRecorded(at_ms=1, outcome="success"))
    await town.archive(archive)
    assert len((await archive.read(TENANT, call)).history) == 6
    assert (await read_all(archive))[call][-1].sequence == late


@pytest.mark.parametrize("rang_ms", [0, 1, 32_503_680_000_000, (1 << 48) - 1])
async def test_a_gateway_whose_clock_is_wrong_changes_only_the_folder(
    town: House, tmp_path: Path, rang_ms: int
) -> None:
    call = await town.ended_call(call=new_call_id(rang_ms))
    archive = open_archive(str(tmp_path / "archive"))
    assert (await town.archive(archive)).calls == 1
    assert len((await archive.read(TENANT, call)).history) == 5


async def test_a_message_nobody_can_read_is_archived_byte_for_byte(
    town: House, tmp_path: Path
) -> None:
    call = await town.ended_call()
    await town.bus.js.publish(f"call.{TENANT}.{call}.line", b"\xff\x00 no JSON\n")
    before = await CallLog(town.bus).read(TENANT, call)
    archive = open_archive(str(tmp_path / "archive"))
    await town.archive(archive)
    assert await archive.read(TENANT, call) == before
    assert before.unreadable
    assert before.history[-1].payload == b"\xff\x00 no JSON\n"


async def test_a_call_of_a_hundred_thousand_messages(town: House, tmp_path: Path) -> None:
    call = new_call_id()
    digit = line.DigitPressed(at_ms=1, digit="5")
    await town.flood(call, 100_000, digit)
    await town.ended_call(call=call)
    archive = open_archive(str(tmp_path / "archive"))
    done = await town.archive(archive)
    assert (done.calls, done.messages, done.let_go) == (1, 100_005, 100_005)
    read = (await archive.read(TENANT, call)).history
    assert [each.sequence for each in read] == list(range(1, 100_006))


def test_messages_from_the_future_are_not_the_end_of_what_is_old() -> None:
    """A server's clock was ahead for a while; what it stored after that is old all the same."""
    now_ms, day = 100 * DAY_MS, DAY_MS
    assert all_young([70 * day, 99 * day], before_ms=70 * day, now_ms=now_ms)
    assert not all_young([69 * day, 99 * day], before_ms=70 * day, now_ms=now_ms)
    assert not all_young([200 * day] * 1000, before_ms=70 * day, now_ms=now_ms)


async def test_an_erased_call_is_erased_in_the_archive_too(town: House, tmp_path: Path) -> None:
    """Its key is gone and its bytes are not touched: hashes and chain stay as they were."""
    vault = Vault(town.bus, MasterKey(os.urandom(64)))
    codec, call = Codec(vault), new_call_id()
    await vault.begin(call)
    town.journal = NatsJournal(town.bus, codec)
    rang = LineRang(
        at_ms=1,
        carrier="loopback",
        carrier_call="CA1",
        caller="+4930123456789",
        agent=AgentRef(agent=AgentId("reception"), revision=1),
    )
    await town.store(TENANT, call, "line", rang)
    await town.ended_call(call=call)
    place = str(tmp_path / "archive")
    assert (await town.archive(open_archive(place))).calls == 1  # without any key

    read = await open_archive(place, codec).read(TENANT, call)
    assert read.history[0].message.events == (rang,)
    await vault.erase(call)

    erased = await open_archive(place, codec).read(TENANT, call)
    assert "+4930123456789" not in repr(erased)
    assert [each.payload for each in erased.history] == [each.payload for each in read.history]
    assert [each.stored_ms for each in erased.history] == [e.stored_ms for e in read.history]
