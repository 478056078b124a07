"""partyline erase against real servers: what is gone, for whom, and what stays."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sealed_house import NAME, TENANT, WORDS, House, sealed_house

from contracts.marked_fields import ERASED
from contracts.outcome import CallErased
from contracts.recorded import Message
from contracts.streams import CALLS, KEYS, key_subject
from infra.call_log import CallLog
from infra.postgres import Pool
from services.call.verify import Checked, verify

pytestmark = pytest.mark.stack
NUMBER, OTHER = "+4930123456789", "+4940987654321"


@pytest.fixture
async def house(tmp_path: Path, tables_dsn: str) -> AsyncIterator[House]:
    async with sealed_house(tmp_path / "log", tables_dsn) as house:
        yield house


async def test_a_callers_calls_are_erased_however_the_number_is_written(house: House) -> None:
    mine = [await house.call(written) for written in (NUMBER, "004930123456789", "4930123456789")]
    other = await house.call(OTHER)
    done = await house.partyline(
        "erase", "--caller", "+49 (30) 123456789", "--yes", "--by", "b.brandt", "--reason", "letter"
    )
    assert done.returncode == 0, done.stderr
    assert "3 calls" in done.stdout
    for call in mine:
        erased = [e for r in await house.history(call) for _, e in r.events()][-1]
        assert isinstance(erased, CallErased)
        assert (erased.by, erased.reason) == ("b.brandt", "letter")
        assert [r.message.sealed for r in await house.history(call)].count("erased") >= 3
    assert not any(r.message.sealed for r in await house.history(other))
    again = await house.partyline("erase", "--caller", NUMBER, "--yes")
    assert (again.returncode, "no call from this number" in again.stdout) == (0, True)


async def test_no_word_is_left_anywhere_and_the_skeleton_stays(house: House) -> None:
    call, other = await house.call(NUMBER), await house.call(OTHER, words="a question about prices")
    await house.project()
    assert await house.rows_with(WORDS)
    rows = await _counts(house.pool, call)
    key = (await house.bus.js.get_last_msg(KEYS.name, key_subject(call))).data or b""
    wrapped = key.partition(b'"wrapped":"')[2][:40]
    done = await house.partyline("erase", "--call", call, "--yes")
    assert done.returncode == 0, done.stderr
    for again in (False, True):  # at once, and for whoever reads the log on
        if again:
            await house.project()
        assert [await house.rows_with(word) for word in (WORDS, NUMBER)] == [[], []]
    assert await house.rows_with("a question about prices")
    assert house.on_disk(wrapped, WORDS.encode(), NUMBER.encode(), NAME.encode()) == []
    assert await _counts(house.pool, call) == rows
    shown = await house.partyline("replay", call)
    assert shown.returncode == 0, shown.stderr + shown.stdout
    assert ERASED in shown.stdout
    assert "erased" in shown.stdout
    assert not [w for w in (WORDS, NUMBER, NAME) if w in shown.stdout]
    assert other not in shown.stdout


async def test_an_erased_log_is_found_to_be_whole_with_its_tables(house: House) -> None:
    calls = [await house.call(NUMBER) for _ in range(2)]
    await house.call(OTHER)
    await house.project()
    assert (await house.partyline("erase", "--call", calls[0], "--yes")).returncode == 0
    await house.project()
    verified = await house.verified()
    assert verified.whole, verified
    assert (verified.calls, verified.erased) == (3, 1)
    assert verified.rows
    told = await house.partyline("verify", "--all")
    assert (told.returncode, "1 call erased" in told.stdout) == (0, True)


async def test_an_erased_call_still_shows_what_was_tampered_with(house: House) -> None:
    call = await house.call(NUMBER)
    assert (await house.partyline("erase", "--call", call, "--yes")).returncode == 0
    history = await house.history(call)
    removed = next(r for r in history if r.family == "transcript")
    await house.bus.js.delete_msg(CALLS.name, removed.sequence)
    checked = await _checked(house, call)
    assert checked.erased
    assert ("removed", removed.sequence) in {(f.kind, f.sequence) for f in checked.findings}


async def test_an_erasure_that_stopped_half_way_is_found_and_finished(house: House) -> None:
    call = await house.call(NUMBER)
    recorded = Message(by="erase-1", events=(CallErased(at_ms=1, by="b.brandt"),))
    await house.journal().append(TENANT, call, "outcome", recorded, id=f"{call}:erased")
    assert [f.kind for f in (await _checked(house, call)).findings] == ["readable"]
    done = await house.partyline("erase", "--caller", NUMBER, "--yes")
    assert done.returncode == 0, done.stderr
    checked = await _checked(house, call)
    assert (checked.erased, checked.findings) == (True, ())
    events = [e for r in await house.history(call) for _, e in r.events()]
    assert len([e for e in events if isinstance(e, CallErased)]) == 1


async def test_a_lost_key_is_no_erasure(house: House) -> None:
    call = await house.call(NUMBER)
    await house.bus.js.purge_stream(KEYS.name, subject=key_subject(call))
    findings = (await _checked(house, call)).findings
    assert [(f.kind, "no erasure" in f.says) for f in findings] == [("unreadable", True)]


async def test_a_call_that_goes_on_stays(house: House) -> None:
    over, on = await house.call(NUMBER), await house.call(NUMBER, over=False)
    done = await house.partyline("erase", "--caller", NUMBER, "--yes")
    assert done.returncode == 1
    assert on in done.stdout
    assert over not in done.stdout
    assert not any(r.message.sealed for r in await house.history(on))
    assert any(r.message.sealed for r in await house.history(over))
    assert (await house.partyline("erase", "--call", on, "--yes")).returncode == 1


async def test_a_call_of_before_is_left_and_the_reason_told(house: House) -> None:
    call = await house.call(NUMBER, sealed=False)
    done = await house.partyline("erase", "--caller", NUMBER, "--yes")
    assert done.returncode == 1
    assert "sealing was off" in done.stdout
    assert not any(
        isinstance(e, CallErased) for r in await house.history(call) for _, e in r.events()
    )


async def test_it_asks_first_and_shows_no_word(house: House) -> None:
    call = await house.call(NUMBER)
    for answer in ("n\n", "", "maybe\n"):
        asked = await house.partyline("erase", "--call", call, answer=answer)
        assert asked.returncode == 1
        assert "Nothing was erased" in asked.stderr
        assert not [w for w in (WORDS, NUMBER, NAME) if w in asked.stdout + asked.stderr]
    assert not any(r.message.sealed for r in await house.history(call))
    assert (await house.partyline("erase", "--call", call, answer="y\n")).returncode == 0
    assert any(r.message.sealed for r in await house.history(call))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--caller", "030 123456"), "country code"),
        (("--call", "no-such-call"), "holds no call"),
        ((), "Name one call"),
        (("--call", "a", "--caller", NUMBER), "Name one call"),
        (("--call", "a", "--reason", "asked by +49 30 123456"), "Leave numbers out"),
    ],
)
async def test_what_can_not_be_done_is_said(
    house: House, arguments: tuple[str, ...], says: str
) -> None:
    done = await house.partyline("erase", *arguments, "--yes")
    assert done.returncode == 1
    assert says in done.stderr


async def test_without_its_master_key_a_sealed_log_is_not_opened(house: House) -> None:
    call = await house.call(NUMBER)
    for arguments in (("erase", "--call", call, "--yes"), ("replay", call)):
        done = await house.partyline(*arguments, sealed=False)
        assert done.returncode == 1
        assert "PARTYLINE_MASTER_KEY_FILE" in done.stderr
    house.master_key.chmod(0o640)
    done = await house.partyline("replay", call)
    assert f"chmod 600 {house.master_key}" in done.stderr


async def _checked(house: House, call: str) -> Checked:
    log = CallLog(house.bus, house.journal().codec)
    whole = await log.read(TENANT, call)  # type: ignore[arg-type]
    assert house.ref is not None
    agent = await house.agents.get(TENANT, house.ref)
    return verify(whole.history, agent, now_ms=0, unreadable=whole.unreadable)


async def _counts(pool: Pool, call: str) -> dict[str, int]:
    """Rows of a call by table, but that of the erasure itself."""
    query = {
        "turns": "SELECT count(*) FROM turns WHERE call = $1",
        "timeline": "SELECT count(*) FROM timeline WHERE call = $1 AND lane <> 'outcome'",
        "calls": "SELECT turns FROM calls WHERE call = $1",
    }
    return {name: await pool.fetchval(text, call) for name, text in query.items()}
