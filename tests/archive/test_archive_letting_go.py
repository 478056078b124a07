"""Letting go: never twice, never more than is archived, whoever else is at work."""

import asyncio
import contextlib
import time
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from archive_house import DAY_MS, TENANT, House, read_all
from eventually import eventually_async
from stack_in_a_thread import stack_in_a_thread

from contracts import line
from contracts.ids import CallId, HostId, TenantId, new_call_id
from contracts.outcome import OutcomeRecorded
from contracts.streams import CALLS
from infra.archive import Archive, open_archive
from infra.archive.lease import Lease, LeaseLost, OtherArchiver, leased
from infra.archive.letting_go import LettingGo
from infra.archive.local import Folder
from infra.archive.log import StoredCalls
from infra.archive.segment import StoredMessage
from infra.archive.store import Object
from infra.call_log import CallLog, Extent
from infra.embedded import Addresses
from infra.nats import connect, create_streams

pytestmark = pytest.mark.stack


async def test_two_archivers_at_once_archive_each_call_once(town: House, tmp_path: Path) -> None:
    calls = [await town.ended_call() for _ in range(40)]
    archive, place = open_archive(str(tmp_path / "archive")), str(tmp_path / "archive")
    runs = await asyncio.gather(
        town.archive(archive), town.archive(open_archive(place)), return_exceptions=True
    )
    assert sorted(type(run).__name__ for run in runs) == ["OtherArchiver", "Outcome"]
    assert sorted(await read_all(archive)) == sorted(calls)


async def test_a_call_archived_twice_is_read_once(town: House, tmp_path: Path) -> None:
    """Two archivers that both believe they are alone, neither seeing what the other wrote."""

    class Blind(Folder):
        async def listing(self, prefix: str) -> list[Object]:
            return []

    calls = [await town.ended_call() for _ in range(5)]
    await town.archive_and_die_before_purging(Archive(Blind(tmp_path / "archive")))
    calls += [await town.ended_call() for _ in range(5)]
    before = {call: (await CallLog(town.bus).read(TENANT, call)).history for call in calls}
    await town.archive_and_die_before_purging(Archive(Blind(tmp_path / "archive")))
    assert len(list((tmp_path / "archive").rglob("*.json"))) == 2

    archive = open_archive(str(tmp_path / "archive"))
    assert await read_all(archive) == before
    assert (await archive.read(TENANT, calls[0])).history == before[calls[0]]
    done = await town.archive(archive)
    assert (done.calls, done.let_go) == (0, 50)


async def test_a_lease_is_for_one_and_given_back(town: House) -> None:
    async with leased(town.bus, HostId("archive-1")) as lease:
        lease.check()
        with pytest.raises(OtherArchiver):
            async with leased(town.bus, HostId("archive-2")):
                pass
    async with leased(town.bus, HostId("archive-2")) as lease:
        lease.check()


async def test_who_was_taken_for_dead_has_lost_the_lease(town: House) -> None:
    await town.bus.js.create_key_value(bucket="ARCHIVING", ttl=1)
    async with leased(town.bus, HostId("archive-1")) as lease:
        bucket = await town.bus.js.key_value("ARCHIVING")
        await bucket.put("archiver", b"archive-2")

        def lost() -> bool:
            with contextlib.suppress(LeaseLost):
                lease.check()
                return False
            return True

        await eventually_async(_async(lost))


async def test_without_the_lease_nothing_is_taken_from_the_log(
    town: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.ended_call()
    archive = open_archive(str(tmp_path / "archive"))

    def check(_: Lease) -> None:
        if list((tmp_path / "archive").rglob("*.json")):
            raise LeaseLost("taken over")

    monkeypatch.setattr(Lease, "check", check)
    with pytest.raises(LeaseLost):
        await town.archive(archive)
    assert await town.stored() == 5


def _async(holds: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def asked() -> bool:
        return holds()

    return asked


async def test_many_holes_are_warned_of(
    town: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("infra.archive.letting_go.MANY_DELETED", 4)
    await town.store(TENANT, new_call_id(), "line", line.DigitPressed(at_ms=1, digit="5"))
    await town.ended_call()
    await town.ended_call()
    town.now_ms = time.time() * 1000 + DAY_MS
    await town.archive(open_archive(str(tmp_path / "archive")), older_than=0.5)
    assert "10 interior deletes" in caplog.text


@pytest.mark.parametrize("older_call_stays", [False, True])
async def test_a_copy_of_the_stream_that_lacks_a_message_loses_nothing(
    town: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, older_call_stays: bool
) -> None:
    """Any copy answers a read; a server whose disk lost a block answers without it."""
    town.now_ms = time.time() * 1000 + DAY_MS
    if older_call_stays:
        await town.store(TENANT, new_call_id(), "line", line.DigitPressed(at_ms=1, digit="5"))
    call = await town.ended_call()
    whole = await town.hot(call)
    stored = StoredCalls.stored

    async def lacking(self: StoredCalls, tenant: TenantId, call: CallId) -> list[StoredMessage]:
        return [m for m in await stored(self, tenant, call) if m.sequence != whole[2]]

    archive = open_archive(str(tmp_path / "archive"))
    with monkeypatch.context() as patched:
        patched.setattr(StoredCalls, "stored", lacking)
        assert (await town.archive(archive, older_than=0.5)).messages == 4
    assert whole[2] in await town.hot(call)
    await town.archive(archive, older_than=0.5)
    assert await town.hot(call) == []
    read = await open_archive(str(tmp_path / "archive")).read(TENANT, call)
    assert [each.sequence for each in read.history] == whole


async def test_what_comes_between_reading_and_letting_go_stays(
    town: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.now_ms = time.time() * 1000 + DAY_MS
    call = await town.ended_call()
    purge = LettingGo.purge

    async def late(self: LettingGo, lease: Lease) -> int:
        outcome = OutcomeRecorded(at_ms=1, outcome="success")
        await town.store(TENANT, call, "outcome", outcome)
        return await purge(self, lease)

    archive = open_archive(str(tmp_path / "archive"))
    with monkeypatch.context() as patched:
        patched.setattr(LettingGo, "purge", late)
        await town.archive(archive, older_than=0.5)
    log = CallLog(town.bus, archive=archive)
    assert [each.family for each in (await log.read(TENANT, call)).history][-1] == "outcome"
    await town.archive(archive, older_than=0.5)
    assert await town.stored() == 0
    log = CallLog(town.bus, archive=open_archive(str(tmp_path / "archive")))
    assert len((await log.read(TENANT, call)).history) == 6


async def test_three_servers_let_go_as_one_does(tmp_path: Path) -> None:
    def in_a_stack() -> Addresses:
        return stack.enter_context(stack_in_a_thread(tmp_path / "log", 3))

    with contextlib.ExitStack() as stack:
        addresses = await asyncio.to_thread(in_a_stack)
        bus = await connect(addresses.nats_url, name="test")
        await create_streams(bus)
        town = House(bus)
        town.now_ms = time.time() * 1000 + DAY_MS
        kept = await town.store(
            TENANT, new_call_id(), "line", line.DigitPressed(at_ms=1, digit="5")
        )
        calls = [await town.ended_call() for _ in range(5)]
        archive = open_archive(str(tmp_path / "archive"))
        done = await town.archive(archive, older_than=0.5)
        assert (done.calls, done.let_go, done.wrong) == (5, 25, [])
        state = (await bus.js.stream_info(CALLS.name)).state
        assert (state.messages, state.first_seq) == (1, kept)
        assert sorted(await read_all(archive)) == sorted(calls)
        await bus.close()


async def test_what_comes_after_the_leader_counted_stays(
    town: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.now_ms = time.time() * 1000 + DAY_MS
    await town.store(TENANT, new_call_id(), "line", line.DigitPressed(at_ms=1, digit="5"))
    call = await town.ended_call()
    count, late = CallLog.count, list[int]()

    async def counted(self: CallLog, tenant: TenantId, call: CallId) -> int:
        answer = await count(self, tenant, call)
        outcome = OutcomeRecorded(at_ms=1, outcome="success")
        late.append(await town.store(TENANT, call, "outcome", outcome))
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(CallLog, "count", counted)
        done = await town.archive(open_archive(str(tmp_path / "archive")), older_than=0.5)
    assert done.let_go == 5
    assert await town.hot(call) == late


async def test_a_log_made_anew_meanwhile_is_left_alone(
    town: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A purge up to no sequence at all would be one of everything."""
    extent = CallLog.extent

    async def told(self: CallLog) -> Extent:
        answer = await extent(self)
        await town.ended_call()
        return answer

    going = LettingGo(town.bus)
    going.add(TENANT, new_call_id(), array("Q", [5]))
    async with leased(town.bus, HostId("archive-1")) as lease:
        with monkeypatch.context() as patched:
            patched.setattr(CallLog, "extent", told)
            assert await going.purge(lease) == 0
    assert await town.stored() == 5
