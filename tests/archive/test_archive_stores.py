"""The stores: whatever they are, a file is there as it was put, or not at all."""

import re
import stat
from pathlib import Path

import pytest
from small_disk import fill, only_where_disks_can_be_mounted, small_disk

from infra.archive.errors import ArchiveAway, BadArchivePlace
from infra.archive.local import Folder
from infra.archive.opening import open_store


async def test_what_is_put_is_there_whole_and_in_part(place: str) -> None:
    store = open_store(place)
    await store.put("tenant=a/day=2026-11-22/x.json", b"0123456789")
    assert await store.get("tenant=a/day=2026-11-22/x.json") == b"0123456789"
    assert await store.get_range("tenant=a/day=2026-11-22/x.json", 3, 4) == b"3456"
    assert await store.get_range("tenant=a/day=2026-11-22/x.json", 8, 40) == b"89"
    assert await store.get_range("tenant=a/day=2026-11-22/x.json", 40, 4) == b""
    await store.put("tenant=a/day=2026-11-22/x.json", b"new")
    assert await store.get("tenant=a/day=2026-11-22/x.json") == b"new"


async def test_what_is_not_there_is_none_and_may_be_deleted(place: str) -> None:
    store = open_store(place)
    assert await store.listing("") == []
    assert await store.get("no/such.json") is None
    assert await store.get_range("no/such.json", 0, 4) is None
    await store.delete("no/such.json")
    await store.put("a.json", b"a")
    await store.delete("a.json")
    assert await store.get("a.json") is None


async def test_files_are_listed_by_folder_in_order(place: str) -> None:
    store = open_store(place)
    for key in ("tenant=b/x", "tenant=a/y", "tenant=a/x", "tenant=ab/x"):
        await store.put(key, key.encode())
    assert [each.key for each in await store.listing("")] == [
        "tenant=a/x",
        "tenant=a/y",
        "tenant=ab/x",
        "tenant=b/x",
    ]
    assert [(e.key, e.bytes) for e in await store.listing("tenant=a/")] == [
        ("tenant=a/x", 10),
        ("tenant=a/y", 10),
    ]


async def test_a_bucket_that_is_not_there_is_said(bucket: str) -> None:
    store = open_store(bucket.replace("calls-", "nobodys-"))
    with pytest.raises(ArchiveAway, match=r"no such bucket"):
        await store.put("a", b"a")
    with pytest.raises(ArchiveAway):
        await store.listing("")


async def test_a_server_that_is_away_is_said_and_no_secret_with_it(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("infra.archive.s3._RETRIES", 0)
    with pytest.raises(ArchiveAway) as away:
        await open_store(bucket).get("a")
    assert "secret" not in str(away.value)


@pytest.mark.parametrize("place", ["", "gs://bucket", "s3://", "http://host/folder"])
def test_a_place_no_archive_can_be_in_is_refused(place: str) -> None:
    with pytest.raises(BadArchivePlace, match="PARTYLINE_ARCHIVE"):
        open_store(place)


async def test_a_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    await Folder(tmp_path / "archive").put("tenant=a/x", b"x")
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "archive").rglob("*")}
    assert modes == {"tenant=a": 0o700, "x": 0o600}


async def test_a_file_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    only_where_disks_can_be_mounted()
    with small_disk(tmp_path / "archive", 2):
        store = Folder(tmp_path / "archive")
        filler = fill(store.root)
        with pytest.raises(ArchiveAway, match=re.escape("No space left")):
            await store.put("tenant=a/x", bytes(1 << 20))
        assert [each.key for each in await store.listing("tenant=a/")] == []
        filler.unlink()
        await store.put("tenant=a/x", bytes(1 << 20))


async def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file")
    with pytest.raises(ArchiveAway, match="File exists"):
        await Folder(tmp_path / "archive").put("tenant=a/x", b"x")
