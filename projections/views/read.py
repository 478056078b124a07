"""What the views say of some days of one tenant."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from contracts.ids import TenantId
from infra.postgres import Connection
from projections.rows import as_structs

_TOP: Final = 10  # questions and failures that are listed

Kind = TypeVar("Kind", bound=msgspec.Struct)


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """All calls that rang on these days."""

    calls: int
    answered: int
    minutes: float  # from answer to end
    over: int  # answered, and ended
    contained: int  # of those, without a transfer
    succeeded: int
    failed: int
    questions: int  # to the knowledge
    uncovered: int  # of those, it held nothing in time
    replies: int
    interruptions: int


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. None: no such calls."""

    day: date
    calls: int
    contained_share: float | None  # 0..1
    wait_p95_ms: float | None
    uncovered: int
    failures: int
    cost: Decimal | None  # of the currency that most was paid in
    currency: str | None


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that rang in this hour (UTC) of these days."""

    hour: int  # 0..23
    calls: int


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of the wait, or all of it. Milliseconds."""

    stage: str
    turns: int
    p50_ms: float
    p95_ms: float


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How often something was."""

    what: str
    times: int
    median_ms: float | None = None  # interruptions: for how long the agent spoke on


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """A question the knowledge did not cover."""

    question: str
    times: int
    fates: str  # what became of it, the most frequent first


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of failure."""

    stage: str
    kind: str
    times: int
    followed: str  # what came of it mostly; empty: nothing


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """What something cost."""

    kind: str
    provider: str
    unit: str
    quantity: float
    cost: Decimal
    currency: str


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """All that a report shows."""

    tenant: str
    agent: str | None
    first: date
    last: date
    total: Total
    days: tuple[Day, ...]
    hours: tuple[Hour, ...]
    ends: tuple[Counted, ...]
    waits: tuple[Wait, ...]
    interruptions: tuple[Counted, ...]
    missed: tuple[Missed, ...]
    failures: tuple[Failed, ...]
    costs: tuple[Paid, ...]


_WHICH: Final = "tenant = $1 AND {when} >= $2 AND {when} < $3 AND ($4::text IS NULL OR agent = $4)"
_AT: Final = _WHICH.format(when="at")
_RANG: Final = _WHICH.format(when="rang_at")
_ASKED: Final = _WHICH.format(when="asked_at")
_NEWEST: Final = (
    "SELECT max(day) FROM v_containment WHERE tenant = $1 AND ($2::text IS NULL OR agent = $2)"
)
_TOTAL: Final = f"""
    SELECT count(*) AS calls, count(answered_at) AS answered,
           coalesce(sum(duration_s), 0) / 60 AS minutes,
           count(contained) AS over, count(*) FILTER (WHERE contained) AS contained,
           count(*) FILTER (WHERE outcome = 'success') AS succeeded,
           count(*) FILTER (WHERE outcome = 'failure') AS failed,
           (SELECT count(*) FROM v_questions WHERE {_ASKED}) AS questions,
           (SELECT count(*) FROM v_rag_misses WHERE {_ASKED}) AS uncovered,
           coalesce(sum(replies), 0) AS replies, coalesce(sum(interruptions), 0) AS interruptions
    FROM v_calls WHERE {_RANG}
"""
_DAYS: Final = f"""
    WITH c AS (SELECT day, count(*) AS calls, avg(contained::int)::float8 AS contained_share
               FROM v_calls WHERE {_RANG} GROUP BY day),
    w AS (SELECT day, percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) AS p95
          FROM v_latency WHERE stage = 'wait' AND {_AT} GROUP BY day),
    q AS (SELECT day, count(*) AS uncovered FROM v_rag_misses WHERE {_ASKED} GROUP BY day),
    f AS (SELECT day, count(*) AS failures FROM v_failures WHERE {_AT} GROUP BY day),
    p AS (SELECT DISTINCT ON (day) day, sum(cost) AS cost, currency FROM v_costs
          WHERE currency IS NOT NULL AND {_AT} GROUP BY day, currency ORDER BY day, sum(cost) DESC)
    SELECT c.day, calls, contained_share, p95 AS wait_p95_ms, coalesce(uncovered, 0) AS uncovered,
           coalesce(failures, 0) AS failures, cost, currency
    FROM c LEFT JOIN w USING (day) LEFT JOIN q USING (day) LEFT JOIN f USING (day)
    LEFT JOIN p USING (day) ORDER BY day
"""
_HOURS: Final = f"""
    SELECT extract(hour FROM rang_at AT TIME ZONE 'UTC')::int AS hour, count(*) AS calls
    FROM v_calls WHERE {_RANG} GROUP BY 1 ORDER BY 1
"""
_ENDS: Final = f"""
    SELECT end_reason AS what, count(*) AS times FROM v_calls
    WHERE end_reason IS NOT NULL AND {_RANG} GROUP BY 1 ORDER BY times DESC, what
"""
_WAITS: Final = f"""
    SELECT stage, count(*) AS turns, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50_ms,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) AS p95_ms
    FROM v_latency WHERE stage <> 'model_wrote' AND turn > 0 AND {_AT}
    GROUP BY stage, place ORDER BY place
"""
_CAUSES: Final = f"""
    SELECT cause AS what, count(*) AS times,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY stop_ms) AS median_ms
    FROM v_interruptions WHERE {_AT} GROUP BY cause ORDER BY times DESC, what
"""
_MISSED: Final = f"""
    SELECT min(question) AS question, sum(times)::int AS times,
           string_agg(fate || CASE WHEN times > 1 THEN ' ' || times ELSE '' END, ', '
                      ORDER BY times DESC, fate) AS fates
    FROM (SELECT min(question) AS question, fate, count(*) AS times FROM v_rag_misses
          WHERE question IS NOT NULL AND {_ASKED} GROUP BY lower(question), fate) AS each
    GROUP BY lower(question) ORDER BY times DESC, question LIMIT {_TOP}
"""
_FAILURES: Final = f"""
    SELECT stage, kind, count(*) AS times,
           coalesce(mode() WITHIN GROUP (ORDER BY followed), '') AS followed
    FROM v_failures WHERE {_AT} GROUP BY stage, kind ORDER BY times DESC, stage, kind LIMIT {_TOP}
"""
_COSTS: Final = f"""
    SELECT kind, provider, unit, sum(quantity) AS quantity, sum(cost) AS cost, currency
    FROM v_costs WHERE cost IS NOT NULL AND {_AT}
    GROUP BY kind, provider, unit, currency ORDER BY currency, cost DESC
"""


async def newest_day(db: Connection, tenant: TenantId, agent: str | None = None) -> date | None:
    """The last day (UTC) on which calls rang that are over. None: there are none."""
    found: date | None = await db.fetchval(_NEWEST, tenant, agent)
    return found


async def figures(
    db: Connection, tenant: TenantId, last: date, days: int = 1, agent: str | None = None
) -> Figures:
    """Of so many days up to `last`, in UTC. `agent`: None: of all."""
    first = last - timedelta(days=days - 1)
    given = (tenant, *(_midnight(day) for day in (first, last + timedelta(days=1))), agent)

    async def rows(query: str, kind: type[Kind]) -> tuple[Kind, ...]:
        return as_structs(await db.fetch(query, *given), kind)

    return Figures(
        tenant=tenant,
        agent=agent,
        first=first,
        last=last,
        total=(await rows(_TOTAL, Total))[0],
        days=await rows(_DAYS, Day),
        hours=await rows(_HOURS, Hour),
        ends=await rows(_ENDS, Counted),
        waits=await rows(_WAITS, Wait),
        interruptions=await rows(_CAUSES, Counted),
        missed=await rows(_MISSED, Missed),
        failures=await rows(_FAILURES, Failed),
        costs=await rows(_COSTS, Paid),
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
