"""Bad days of an archiver: whatever goes wrong, a call is in the stream or safe in the archive."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from archive_house import DAY_MS, TENANT, House, read_all
from eventually import eventually_async
from small_disk import fill, only_where_disks_can_be_mounted, small_disk
from stack_in_a_thread import stack_in_a_thread

from contracts import line
from contracts.ids import CallId, HostId, TenantId, new_call_id
from contracts.outcome import OutcomeRecorded
from contracts.streams import CALLS
from infra.archive import Archive, open_archive
from infra.archive.errors import ArchiveAway
from infra.archive.lease import Lease, LeaseLost, OtherArchiver, leased
from infra.archive.letting_go import LettingGo
from infra.archive.local import Folder
from infra.archive.log import StoredCalls
from infra.archive.run import keep_archiving
from infra.archive.segment import StoredMessage, manifest_key
from infra.archive.store import Object
from infra.archive.writing import Writer
from infra.beside import beside
from infra.call_log import CallLog
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


async def test_while_the_store_is_away_nothing_is_let_go(town: House, tmp_path: Path) -> None:
    call = await town.ended_call()

    class Away(Folder):
        async def get(self, key: str) -> bytes | None:
            raise ArchiveAway("the store is away")

    (tmp_path / "file").touch()
    for store in (Away(tmp_path / "archive"), Folder(tmp_path / "file")):
        with pytest.raises(ArchiveAway):
            await town.archive(Archive(store))
        assert len(await town.hot(call)) == 5
    assert (await town.archive(Archive(Folder(tmp_path / "archive")))).let_go == 5


async def test_a_store_that_keeps_other_bytes_is_not_believed(town: House, tmp_path: Path) -> None:
    class Liar(Folder):
        async def put(self, key: str, data: bytes) -> None:
            await super().put(key, data[:-1] + b"\x00" if key.endswith(".zst") else data)

    await town.ended_call()
    with pytest.raises(ArchiveAway, match="read back"):
        await town.archive(Archive(Liar(tmp_path / "archive")))
    assert await town.stored() == 5
    assert await open_archive(str(tmp_path / "archive")).calls(TENANT) == []


async def test_nothing_is_let_go_on_the_word_of_a_damaged_segment(
    town: House, tmp_path: Path
) -> None:
    """Killed between manifest and purge, and then a disk that forgets a bit."""
    call = await town.ended_call()
    before = await CallLog(town.bus).read(TENANT, call)
    archive = open_archive(str(tmp_path / "archive"))
    await town.archive_and_die_before_purging(archive)
    data = next((tmp_path / "archive").rglob("*.zst"))
    data.write_bytes(data.read_bytes()[:-9] + b"\x00" * 9)

    done = await town.archive(archive)

    assert len(done.wrong) == 1
    assert data.name in done.wrong[0]
    assert (done.calls, done.let_go) == (1, 5)  # written anew from the stream, then let go
    assert await open_archive(str(tmp_path / "archive")).read(TENANT, call) == before


async def forge(archive: Archive, call: CallId) -> None:
    """Put a segment in place of the only one, with another message in the call."""
    group = await archive.groups.of_call(TENANT, call)
    assert group is not None
    messages = await archive.stored_in(group, call)
    messages[1] = messages[1]._replace(payload=b"{}")
    writer = Writer(archive.store, TENANT, group.day, 1)
    await writer.add(call, messages)
    await archive.store.delete(manifest_key(group.manifests[0]))
    await writer.finish()


async def test_where_stream_and_archive_differ_the_call_stays_in_both(
    town: House, tmp_path: Path
) -> None:
    call = await town.ended_call()
    archive = open_archive(str(tmp_path / "archive"))
    await town.archive_and_die_before_purging(archive)
    await forge(archive, call)

    done = await town.archive(open_archive(str(tmp_path / "archive")))

    assert len(done.wrong) == 1
    assert call in done.wrong[0]
    assert len(await town.hot(call)) == 5


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


async def test_a_disk_that_fills_up_keeps_calls_in_the_stream(town: House, tmp_path: Path) -> None:
    only_where_disks_can_be_mounted()
    calls = [await town.ended_call() for _ in range(3)]
    with small_disk(tmp_path / "archive", 1):
        filler = fill(tmp_path / "archive")
        archive = open_archive(str(tmp_path / "archive"))
        with pytest.raises(ArchiveAway, match="No space left"):
            await town.archive(archive)
        assert await town.stored() == 15
        assert await archive.calls(TENANT) == []
        filler.unlink()
        done = await town.archive(archive)
        assert (done.calls, done.let_go) == (3, 15)
        assert await archive.calls(TENANT) == sorted(calls)


async def test_the_hourly_archiver_goes_on_after_what_went_wrong(
    town: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("infra.archive.run._HOUR_S", 0.05)
    call = await town.ended_call()

    class AwayAtFirst(Folder):
        tries = 0

        async def put(self, key: str, data: bytes) -> None:
            self.tries += 1
            if self.tries < 3:
                raise ArchiveAway("the store is away")
            await super().put(key, data)

    async def gone() -> bool:
        return await town.hot(call) == []

    archive = Archive(AwayAtFirst(tmp_path / "archive"))
    async with beside(keep_archiving(town.bus, archive, after_days=-1)):
        await eventually_async(gone)
    assert "the store is away" in caplog.text


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
