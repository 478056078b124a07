"""Bad days of an archiver: whatever goes wrong, a call is in the stream or safe in the archive."""

from pathlib import Path

import pytest
from archive_house import TENANT, House
from eventually import eventually_async
from small_disk import fill, only_where_disks_can_be_mounted, small_disk

from contracts.ids import CallId
from infra.archive import Archive, open_archive
from infra.archive.errors import ArchiveAway
from infra.archive.local import Folder
from infra.archive.run import keep_archiving
from infra.archive.segment import manifest_key
from infra.archive.writing import Writer
from infra.beside import beside
from infra.call_log import CallLog

pytestmark = pytest.mark.stack


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
