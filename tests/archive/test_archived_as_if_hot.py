"""partyline archive, and then replay and verify, which tell no difference."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from archive_house import TENANT, House
from eventually import eventually_async

from contracts import line
from contracts.ids import TenantId, new_call_id
from contracts.streams import CALLS
from infra.archive import Archive, open_archive
from services.cli.archiving import archiving
from services.cli.places import Places
from services.cli.settings import Settings
from services.cli.verifying import Verified, verify_calls, verify_log

pytestmark = pytest.mark.stack


async def partyline(town: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.cli", *arguments, "--nats", town.url]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=100
    )


async def verified(town: House, archive: Archive | None) -> Verified:
    return await verify_log(town.bus, town.journal, town.agents, None, TENANT, archive)


def counts(found: Verified) -> dict[str, Any]:
    return {name: getattr(found, name) for name in found.__struct_fields__ if name != "took_s"}


async def test_an_archived_call_replays_and_verifies_as_if_it_had_stayed(
    town: House, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARTYLINE_TENANT", TENANT)
    call = await town.acted_call()
    monkeypatch.setenv("PARTYLINE_ARCHIVE", place)
    questions = (("replay", call), ("replay", call, "--json"), ("verify", call, "--no-tables"))
    before = [await partyline(town, *each) for each in questions]
    assert [each.returncode for each in before] == [0, 0, 0], before

    run = await partyline(town, "archive", "--once", "--older-than", "0", "--json")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert (told["calls"], told["let_go"], told["wrong"]) == (1, told["messages"], [])
    assert await town.hot(call) == []

    after = [await partyline(town, *each) for each in questions]
    assert [each.stdout for each in after[:2]] == [each.stdout for each in before[:2]]
    assert after[2].returncode == 0
    monkeypatch.delenv("PARTYLINE_ARCHIVE")
    assert (await partyline(town, "replay", call)).returncode == 1


async def test_what_would_go_is_told_and_stays(town: House, tmp_path: Path) -> None:
    call = await town.ended_call()
    place = tmp_path / "archive"
    run = await partyline(town, "archive", "--dry-run", "--older-than", "0", "--to", str(place))
    assert run.returncode == 0, run.stderr
    assert "1 calls, 5 messages would go" in run.stdout
    assert len(await town.hot(call)) == 5
    assert not place.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--once",), "PARTYLINE_ARCHIVE"),
        (("--once", "--to", "gs://bucket"), "PARTYLINE_ARCHIVE"),
        (("--once", "--to", "/tmp", "--older-than", "-1"), "0 to 36500"),
    ],
)
async def test_what_can_not_be_done_is_said(
    town: House, arguments: tuple[str, ...], says: str
) -> None:
    run = await partyline(town, "archive", *arguments)
    assert run.returncode == 1
    assert says in run.stderr


async def test_archiving_can_be_ended(town: House, tmp_path: Path) -> None:
    async def max_age_s() -> float:
        return (await town.bus.js.stream_info(CALLS.name)).config.max_age or 0

    await partyline(town, "archive", "--once", "--to", str(tmp_path / "archive"))
    assert await max_age_s() == 0
    assert (await partyline(town, "archive", "--expire")).returncode == 0
    assert await max_age_s() == CALLS.max_age_s


async def test_verifying_all_covers_what_is_archived(town: House, tmp_path: Path) -> None:
    [await town.acted_call() for _ in range(3)]
    before = await verified(town, None)
    assert before.whole
    archive = open_archive(str(tmp_path / "archive"))
    await town.archive(archive)
    assert counts(await verified(town, archive)) == counts(before)


async def test_holes_that_archived_calls_left_are_not_missed_and_others_are(
    town: House, tmp_path: Path
) -> None:
    kept = new_call_id()
    rang = line.CarrierReported(at_ms=1, status="completed", sequence=1)
    await town.store(TENANT, kept, "line", rang)
    await town.acted_call()
    another = TenantId("another")
    await town.acted_call(another)
    stolen = await town.store(TENANT, kept, "line", rang)
    await town.store(TENANT, kept, "line", rang)
    archive = open_archive(str(tmp_path / "archive"))
    town.now_ms -= 39 * 86_400_000.0  # so that the kept call is not given up
    done = await town.archive(archive, older_than=0)
    assert (done.calls, done.open) == (2, 1)
    assert done.deleted > 0
    assert (await verified(town, archive)).log == []
    await town.bus.js.delete_msg(CALLS.name, stolen)
    assert [f.sequence for f in (await verified(town, archive)).log] == [stolen]
    assert len((await verified(town, None)).log) > 1
    assert await archive.calls(another)


@pytest.mark.parametrize("what", ["data", "manifest", "gone"])
async def test_a_damaged_segment_is_named(town: House, tmp_path: Path, what: str) -> None:
    calls = [await town.acted_call() for _ in range(2)]
    archive = open_archive(str(tmp_path / "archive"))
    await town.archive(archive)
    data = next((tmp_path / "archive").rglob("*.zst"))
    match what:
        case "data":
            broken = bytearray(data.read_bytes())
            broken[-30] ^= 1
            data.write_bytes(broken)
        case "manifest":
            manifest = next((tmp_path / "archive").rglob("*.json"))
            manifest.write_bytes(manifest.read_bytes().replace(b'"first":1,', b'"first":2,'))
        case "gone":
            data.unlink()

    archive = open_archive(str(tmp_path / "archive"))
    found = await verified(town, archive)
    one = await verify_calls(
        town.bus, town.journal, town.agents, None, TENANT, [max(calls)], archive
    )

    assert not found.whole
    says = [f.says for f in found.log] + [f.says for b in found.broken for f in b.findings]
    assert all(data.name.split(".")[0] in each for each in says)
    assert not one.whole
    if what == "data":
        assert [each.call for each in found.broken] == [max(calls)]  # the other one is whole


async def test_a_message_removed_before_it_was_archived_is_found_by_its_chain(
    town: House, tmp_path: Path
) -> None:
    """Hashes of the archive vouch for storage; the call's own chain vouches for the call."""
    call = await town.acted_call()
    sequence = (await town.hot(call))[3]
    await town.bus.js.delete_msg(CALLS.name, sequence)
    archive = open_archive(str(tmp_path / "archive"))
    await town.archive(archive)
    found = await verified(town, archive)
    assert {f.kind for b in found.broken for f in b.findings} >= {"removed"}


async def test_a_role_has_whole_days_archived_beside_its_work(town: House, tmp_path: Path) -> None:
    call = await town.ended_call()
    places = Places(nats=town.url, postgres="", qdrant="")
    folder = tmp_path / "archive"
    settings = Settings(archive=str(folder), archive_after_days=0, data=tmp_path / "none")
    async with archiving(places, settings):
        await eventually_async(lambda: forgets_nothing(town), within_s=60)
    assert len(await town.hot(call)) == 5  # of today


async def forgets_nothing(town: House) -> bool:
    return not (await town.bus.js.stream_info(CALLS.name)).config.max_age


async def test_a_log_that_holds_nothing_yet_lacks_nothing(town: House) -> None:
    assert (await verified(town, None)).log == []
