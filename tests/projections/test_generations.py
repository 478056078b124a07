"""Positions of several projections go on together or not at all."""

from datetime import UTC, datetime

import msgspec
import pytest

from infra.postgres import Pool
from projections import schema
from projections.calls.project import CALLS
from projections.generations import Move, Superseded, advance, positions_of
from projections.rebuild.swapping import swapped
from projections.schema import make, next_generation, prepare
from projections.timeline.project import TIMELINE

pytestmark = pytest.mark.stack
AT = datetime(2026, 7, 1, tzinfo=UTC)


async def test_projections_go_on_together_or_not_at_all(pool: Pool) -> None:
    """A row left behind would be missing for ever, if its position had gone on without it."""
    both = [await prepare(pool, each) for each in (CALLS, TIMELINE)]
    live = [each for each in both if each is not None]
    async with pool.acquire() as db:
        assert await advance(db, live, Move(0, 5, AT))
        assert await advance(db, live[:1], Move(5, 7, AT))
        assert not await advance(db, live, Move(5, 9, AT))
        assert not await advance(db, live, Move(7, 9, AT))
        assert await positions_of(db, live) == {"calls": 7, "timeline": 5}


async def test_tables_that_are_not_live_any_more_are_given_up(pool: Pool) -> None:
    calls = await prepare(pool, CALLS)
    assert calls is not None
    later = msgspec.structs.replace(CALLS, version=CALLS.version + 1)
    async with pool.acquire() as db:
        for other in (
            msgspec.structs.replace(calls, number=2),
            msgspec.structs.replace(calls, state="kept"),
            msgspec.structs.replace(calls, projection=later),
        ):
            with pytest.raises(Superseded, match="calls"):
                await positions_of(db, [other])
        assert not await advance(db, [msgspec.structs.replace(calls, state="kept")], Move(0, 5, AT))


async def test_tables_of_before_keys_were_sorted_by_their_bytes_give_way(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(schema, "understood", lambda text, _: text.replace('COLLATE "C"', ""))
        await _replaced(pool)
    assert await _collation(pool) == '"default"'
    await _replaced(pool)
    assert await _collation(pool) == '"C"'
    assert await pool.fetch("SELECT call FROM v_calls") == []


async def _replaced(pool: Pool) -> None:
    """The table calls as the code has it now."""
    await prepare(pool, CALLS)
    async with pool.acquire() as db, db.transaction():
        after = await next_generation(db, CALLS)
        await make(db, after)
    assert await swapped(pool, [after])


async def _collation(pool: Pool) -> str:
    found: str = await pool.fetchval("SELECT pg_collation_for(min(call)) FROM calls")
    return found
