"""A database of made-up calls of two companies, as the projections and make_views leave it."""

from collections.abc import Sequence
from itertools import count
from random import Random

import asyncpg
import msgspec

from contracts.agent import AgentPublished
from contracts.codec import encode
from contracts.ids import TenantId
from infra.postgres import Pool, connect_pool
from loadtest.generating import histories
from loadtest.generating.generate import UNTIL_MS
from loadtest.generating.history import History, recorded
from loadtest.generating.houses import houses
from loadtest.generating.times import call_id
from projections import PROJECTIONS
from projections.agents import storing as agents
from projections.agents.rows import row_of
from projections.call_fold import CallFold, Readers, folded
from projections.costs.prices import Price, store_prices
from projections.generations import Generation
from projections.projection import Projection
from projections.reading import Place
from projections.schema import prepare
from projections.storing import store_rows
from projections.views.making import make_views

OURS, THEIRS = TenantId("main"), TenantId("rival")
LAST_DAY = "2025-12-31"
USD = {"currency": "USD"}
_PAID = (
    ("llm", "groq", "tokens_in", "0.59", 10**6),
    ("llm", "groq", "tokens_out", "0.79", 10**6),
    ("stt", "deepgram", "line_seconds", "0.0077", 60),
    ("tts", "elevenlabs", "characters", "0.05", 1000),
    ("carrier", "twilio", "minutes_begun", "0.0085", 1),
)
PRICES = tuple(
    msgspec.convert(
        {"kind": kind, "provider": provider, "unit": unit, "price": price, "per": per} | USD,
        Price,
        strict=False,
    )
    for kind, provider, unit, price, per in _PAID
)


async def seed(dsn: str, calls: int = 90, *, days: float = 10.0) -> None:
    """Fill an empty database with calls of ten days, a row for everything that befell them."""
    pool = await connect_pool(dsn)
    try:
        await store(pool, list(histories(4, calls, tenants=(OURS, THEIRS), days=days)))
        await store_prices(pool, PRICES)
        await store_agents(pool)
        async with pool.acquire() as db, db.transaction():
            await make_views(db)
        await pool.execute("ANALYZE")
    finally:
        await pool.close()


async def store(
    pool: Pool, made_up: Sequence[History], projections: Sequence[Projection] = PROJECTIONS
) -> None:
    """Their rows, as the runner stores them."""
    folds = _folds(made_up, projections)
    for projection in projections:
        generation = await prepare(pool, projection)
        assert generation is not None
        await store_folds(pool, generation, folds)


async def store_folds(pool: Pool, generation: Generation, folds: Sequence[CallFold]) -> None:
    async with pool.acquire() as db, db.transaction():
        await store_rows(db, generation, folds)


def _folds(made_up: Sequence[History], projections: Sequence[Projection]) -> list[CallFold]:
    readers, sequence, random = Readers(projections), count(1), Random(4)
    folds = []
    for history in made_up:
        call = call_id(history.rang_ms, random)
        messages = recorded(history, call, [next(sequence) for _ in history.messages])
        fold, refused = folded(Place(history.tenant, call), readers, messages)
        assert not refused
        folds.append(fold)
    return folds


async def store_agents(pool: Pool) -> None:
    """The houses' agents, as the calls have them: revision 1."""
    await agents.prepare(pool)
    rows = []
    for sequence, (tenant, (name, house)) in enumerate(
        ((tenant, item) for tenant in (OURS, THEIRS) for item in houses().items()), start=1
    ):
        published = AgentPublished(at_ms=UNTIL_MS - 10**9, revision=1, agent=house.agent)
        rows.append(row_of(f"agent.{tenant}.{name}", sequence, encode(published)))
    await agents.store(pool, rows, after=0, last=len(rows))


async def administer(dsn: str, statement: str) -> None:
    db = await asyncpg.connect(dsn)
    try:
        await db.execute(statement)
    finally:
        await db.close()
