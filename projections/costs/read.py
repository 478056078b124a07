"""Questions to the table costs, with the prices of each call's day."""

from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from contracts.ids import CallId, TenantId
from infra.postgres import Pool
from projections.rows import as_structs


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What a call used of one unit: the columns' comments of costs give meaning and source."""

    kind: str  # stt, llm, tts, carrier
    provider: str  # as in the log, else the agent's own; empty: not known
    model: str
    unit: str
    quantity: float
    estimated: bool
    cost: Decimal | None  # None: the unit has no price
    currency: str | None


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What all calls used of one unit."""

    kind: str
    provider: str
    model: str
    unit: str
    calls: int
    quantity: float
    cost: Decimal | None
    currency: str | None


# The model's name is not in the log of calls, but in the agent's revision, which never changes.
_PRICED: Final = """
    SELECT c.tenant, c.call, c.at, c.kind, w.provider, w.model, c.unit, c.quantity, c.estimated,
           c.quantity::numeric * p.price / p.per AS cost, p.currency
    FROM costs AS c LEFT JOIN agents AS a USING (tenant, agent, revision)
    CROSS JOIN LATERAL (SELECT
        coalesce(nullif(c.provider, ''),
                 CASE c.kind WHEN 'llm' THEN a.llm_provider WHEN 'stt' THEN a.stt_provider END, '')
            AS provider,
        coalesce(nullif(c.model, ''),
                 CASE WHEN c.kind = 'llm' AND c.provider IN ('', a.llm_provider) THEN a.llm_model
                      WHEN c.kind = 'stt' AND c.provider IN ('', a.stt_provider) THEN a.stt_model
                 END, '') AS model) AS w
    LEFT JOIN LATERAL price_of(c.kind, w.provider, w.model, c.unit, c.at) AS p ON true
    WHERE c.tenant = $1
"""
_OF_CALL: Final = (
    "SELECT kind, provider, model, unit, quantity, estimated, cost, currency"
    f" FROM ({_PRICED} AND c.call = $2) AS priced ORDER BY kind, provider, model, unit"
)
_BILLS: Final = (
    "SELECT kind, provider, model, unit, count(DISTINCT call) AS calls, sum(quantity) AS quantity,"
    f" sum(cost) AS cost, currency FROM ({_PRICED} AND c.at >= $2 AND c.at < $3) AS priced"
    " GROUP BY kind, provider, model, unit, currency ORDER BY kind, provider, model, unit, currency"
)


async def of_call(pool: Pool, tenant: TenantId, call: CallId) -> tuple[Use, ...]:
    """What a call used, and what that costs."""
    return as_structs(await pool.fetch(_OF_CALL, tenant, call), Use)


async def bills(pool: Pool, tenant: TenantId, since: datetime, until: datetime) -> tuple[Bill, ...]:
    """What the calls that rang from `since` to before `until` used, and what that costs."""
    return as_structs(await pool.fetch(_BILLS, tenant, since, until), Bill)
