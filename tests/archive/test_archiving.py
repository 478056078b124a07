"""The archiver on a real log: closed calls leave the stream for the archive, all others stay."""

import asyncio
import time
from pathlib import Path

import pytest
from archive_house import DAY_MS, TENANT, House, read_all

from contracts import line
from contracts.ids import new_call_id
from contracts.outcome import OutcomeRecorded
from contracts.streams import CALLS
from infra.archive import Archive, missed_by, open_archive
from infra.archive.outcome import Outcome
from infra.archive.run import keep_archiving
from infra.beside import beside
from infra.call_log import CallLog, WholeCall
from infra.nats import Bus, create_streams, forget_calls

pytestmark = pytest.mark.stack


async def test_closed_calls_leave_the_stream_and_read_as_if_they_had_not(
    town: House, place: str
) -> None:
    calls = [await town.ended_call() for _ in range(30)]
    before = {call: await CallLog(town.bus).read(TENANT, call) for call in calls}
    archive = open_archive(place)

    done = await town.archive(archive)

    assert (done.calls, done.messages, done.let_go, done.wrong) == (30, 150, 150, [])
    assert await town.stored() == 0
    assert await archive.calls(TENANT) == sorted(calls)
    log = CallLog(town.bus, archive=archive)
    assert {call: await log.read(TENANT, call) for call in calls} == before
    assert await read_all(archive) == {call: whole.history for call, whole in before.items()}
    assert await archive.read(TENANT, new_call_id()) == WholeCall([], {})


async def test_what_runs_or_ended_lately_stays(town: House, tmp_path: Path) -> None:
    running = new_call_id()
    await town.store(TENANT, running, "line", line.DigitPressed(at_ms=1, digit="5"))
    ended = await town.ended_call()
    archive = open_archive(str(tmp_path / "archive"))

    town.now_ms = time.time() * 1000 + DAY_MS
    assert (await town.archive(archive, older_than=2)).calls == 0
    town.now_ms = time.time() * 1000 + 60_000
    done = await town.archive(archive, older_than=0)

    assert (done.calls, done.open) == (1, 1)
    assert await town.hot(ended) == []
    assert len(await town.hot(running)) == 1


async def test_a_call_whose_line_never_ended_goes_a_day_later(town: House, tmp_path: Path) -> None:
    call = await town.ended_call()
    await town.bus.js.delete_msg(CALLS.name, (await town.hot(call))[-1])  # the line's end
    archive = open_archive(str(tmp_path / "archive"))

    town.now_ms = time.time() * 1000 + 60_000
    assert (await town.archive(archive, older_than=0)).open == 1
    town.now_ms += DAY_MS
    assert (await town.archive(archive, older_than=0)).calls == 1


async def test_a_call_nobody_ended_goes_when_nobody_can_hold_it_any_more(
    town: House, tmp_path: Path
) -> None:
    call = new_call_id()
    await town.store(TENANT, call, "line", line.DigitPressed(at_ms=1, digit="5"))
    archive = open_archive(str(tmp_path / "archive"))

    town.now_ms = time.time() * 1000 + 1.9 * DAY_MS
    assert (await town.archive(archive, older_than=0)).open == 1
    town.now_ms = time.time() * 1000 + 2.1 * DAY_MS
    assert (await town.archive(archive, older_than=0)).calls == 1


async def test_what_comes_late_follows_its_call(town: House, place: str) -> None:
    call = await town.ended_call()
    archive = open_archive(place)
    await town.archive(archive)
    early = await archive.read(TENANT, call)
    late = await town.store(TENANT, call, "outcome", OutcomeRecorded(at_ms=1, outcome="success"))

    log = CallLog(town.bus, archive=archive)
    both = await log.read(TENANT, call)
    assert [each.sequence for each in both.history][-1] == late
    done = await town.archive(archive)

    assert (done.messages, done.let_go) == (1, 1)
    fresh = open_archive(place)
    assert (await fresh.read(TENANT, call)) == both
    assert both.history[:-1] == early.history
    assert await read_all(fresh) == {call: both.history}


async def test_a_dry_run_says_what_would_go_and_changes_nothing(
    town: House, tmp_path: Path
) -> None:
    await town.ended_call()
    archive = open_archive(str(tmp_path / "archive"))
    done = await town.archive(archive, dry=True)
    assert (done.calls, done.messages, done.let_go) == (1, 5, 0)
    assert await town.stored() == 5
    assert not (tmp_path / "archive").exists()


async def test_what_is_archived_leaves_no_holes_unless_an_older_call_stays(
    town: House, tmp_path: Path
) -> None:
    archive = open_archive(str(tmp_path / "archive"))
    await town.ended_call()
    assert (await town.archive(archive)).deleted == 0
    older = new_call_id()
    digit = line.DigitPressed(at_ms=1, digit="5")
    town.now_ms = time.time() * 1000 + 60_000
    kept = await town.store(TENANT, older, "line", digit)
    for _ in range(3):
        await town.ended_call()
    newest = await town.store(TENANT, older, "line", digit)
    done = await town.archive(archive, older_than=0)
    assert (done.let_go, done.deleted, done.open) == (15, 15, 1)
    assert await town.hot(older) == [kept, newest]
    town.now_ms += 3 * DAY_MS
    done = await town.archive(archive, older_than=0)
    assert (done.calls, done.deleted) == (1, 0)


async def test_canaries_leave_the_log_with_the_calls_around_them_and_no_holes(
    town: House, tmp_path: Path
) -> None:
    archive = open_archive(str(tmp_path / "archive"))
    for _ in range(3):
        await town.ended_call()
        await town.canary()
    assert (await town.archive(archive)).let_go == 18
    assert (await town.stored(), await town.holes()) == (0, 0)
    await town.canary()
    assert (await town.archive(archive)).let_go == 1  # where nobody calls at all


async def test_a_canary_behind_a_call_that_stays_stays_too(town: House, tmp_path: Path) -> None:
    """What is missing between calls is a sign that somebody took it."""
    archive = open_archive(str(tmp_path / "archive"))
    await town.store(TENANT, new_call_id(), "line", line.DigitPressed(at_ms=1, digit="5"))
    await town.canary()
    gone = await town.ended_call()
    town.now_ms = time.time() * 1000 + 60_000
    await town.archive(archive, older_than=0)
    assert await town.hot(gone) == []
    assert (await town.stored(), await town.holes()) == (2, 5)
    log = CallLog(town.bus, archive=archive)
    assert await missed_by(archive, (await log.extent()).deleted, lambda _: None) == ()


async def test_a_log_with_an_archive_forgets_nothing_by_age(town: House) -> None:
    async def max_age() -> float:
        return (await town.bus.js.stream_info(CALLS.name)).config.max_age or 0

    assert await max_age() == CALLS.max_age_s
    await create_streams(town.bus, keep_calls=True)
    assert await max_age() == 0
    await create_streams(town.bus)  # by a role whose settings name no archive
    assert await max_age() == 0
    await forget_calls(town.bus, CALLS.max_age_s)
    assert await max_age() == CALLS.max_age_s


async def test_the_hourly_archiver_takes_whole_days_only(town: House, tmp_path: Path) -> None:
    """So that a tenant's day is one segment, not twenty-four."""
    call = await town.ended_call()
    ran = asyncio.Event()

    archive = open_archive(str(tmp_path / "archive"))
    with pytest.MonkeyPatch.context() as patched:

        async def noted(bus: Bus, archive: Archive, *, before_ms: float) -> Outcome:
            assert before_ms % DAY_MS == 0
            assert 0 <= time.time() * 1000 - before_ms < DAY_MS
            ran.set()
            return Outcome()

        patched.setattr("infra.archive.run.archive_calls", noted)
        async with beside(keep_archiving(town.bus, archive, after_days=0)):
            await asyncio.wait_for(ran.wait(), 10)
    assert await town.hot(call)


async def test_a_long_log_is_archived_in_passes(
    town: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is that of one pass, and a call that stays is looked at once."""
    monkeypatch.setattr("infra.archive.run._PASS_CALLS", 1)
    monkeypatch.setattr("infra.archive.log._BATCH", 4)
    town.now_ms = time.time() * 1000 + DAY_MS
    stays = new_call_id()
    digit = line.DigitPressed(at_ms=1, digit="5")
    calls = []
    for _ in range(6):
        await town.store(TENANT, stays, "line", digit)
        calls.append(await town.ended_call())
    archive = open_archive(str(tmp_path / "archive"))
    done = await town.archive(archive, older_than=0.5)
    assert (done.calls, done.let_go, done.open) == (6, 30, 1)
    assert done.oldest == f"{TENANT}/{stays}"
    assert await archive.calls(TENANT) == sorted(calls)
