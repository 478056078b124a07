"""partyline erase on calls that the log has let go."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sealed_house import NAME, TENANT, WORDS, House, sealed_house

from contracts.ids import CallId
from contracts.outcome import CallErased
from infra.archive import Archive, open_archive
from infra.archive.run import archive_calls
from infra.call_log import CallLog
from projections import PROJECTIONS
from projections.rebuild import rebuild
from services.cli.verifying import Verified, verify_log

pytestmark = pytest.mark.stack
NUMBER, OTHER = "+4930123456789", "+4940987654321"
FAR_MS = 4_000_000_000_000  # all calls are old by then


class Archived:
    """A house whose calls, but for what came later, stand in an archive only."""

    def __init__(self, house: House, place: str) -> None:
        self.house, self.place = house, place
        self.codec = house.journal().codec

    @property
    def archive(self) -> Archive:
        return open_archive(self.place, self.codec)

    async def let_go(self) -> None:
        done = await archive_calls(
            self.house.bus, self.archive, before_ms=FAR_MS, now_ms=FAR_MS + 1
        )
        assert done.wrong == []

    async def erase(self, *whom: str) -> None:
        done = await self.house.partyline("erase", *whom, "--yes", "--by", "b.brandt")
        assert done.returncode == 0, done.stderr + done.stdout

    async def verified(self) -> Verified:
        house = self.house
        return await verify_log(
            house.bus, house.journal(), house.agents, house.pool, TENANT, self.archive
        )


@pytest.fixture
async def archived(
    tmp_path: Path, tables_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Archived]:
    place = str(tmp_path / "archive")
    monkeypatch.setenv("PARTYLINE_ARCHIVE", place)
    async with sealed_house(tmp_path / "log", tables_dsn) as house:
        yield Archived(house, place)


async def hot(archived: Archived, call: CallId) -> int:
    return len((await CallLog(archived.house.bus).read(TENANT, call)).history)


@pytest.mark.parametrize("by", ["call", "caller"])
async def test_an_archived_call_is_erased_and_no_rebuild_brings_its_words_back(
    archived: Archived, by: str
) -> None:
    house = archived.house
    call = await house.call(NUMBER)
    other = await house.call(OTHER, words="a question about prices")
    await house.project()
    await archived.let_go()
    assert [await hot(archived, each) for each in (call, other)] == [0, 0]

    await archived.erase(f"--{by}", call if by == "call" else NUMBER)
    assert [await house.rows_with(word) for word in (WORDS, NUMBER)] == [[], []]
    assert await hot(archived, call) == 1  # that it was erased
    await rebuild(
        house.bus, house.pool, PROJECTIONS, codec=archived.codec, archive=archived.archive
    )

    assert [await house.rows_with(word) for word in (WORDS, NUMBER)] == [[], []]
    assert await house.rows_with("a question about prices")
    assert await house.pool.fetchval("SELECT count(*) FROM calls") == 2
    verified = await archived.verified()
    assert verified.whole, verified
    assert (verified.calls, verified.erased) == (2, 1)

    await archived.let_go()  # the erasure follows its call
    assert await hot(archived, call) == 0
    whole = await CallLog(house.bus, archived.codec, archived.archive).read(TENANT, call)
    assert isinstance(whole.history[-1].message.events[0], CallErased)
    assert not [w for w in (WORDS, NUMBER, NAME) if w in repr(whole)]
    assert (await archived.verified()).whole


async def test_tables_kept_for_a_rollback_hold_no_word_of_an_erased_call(
    archived: Archived,
) -> None:
    """Of an older version, too, which nobody could make anew."""
    house = archived.house
    call = await house.call(NUMBER)
    await house.project()
    await rebuild(house.bus, house.pool, PROJECTIONS, codec=archived.codec)
    kept = "UPDATE projection_positions SET version = version - 1 WHERE state = 'kept'"
    await house.pool.execute(kept)
    assert {"turns_1.turns", "turns_2.turns"} <= set(await house.rows_with(WORDS))
    await archived.erase("--call", call)
    assert [await house.rows_with(word) for word in (WORDS, NUMBER)] == [[], []]
