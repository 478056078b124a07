"""What does it cost?"""

from typing import Final

from infra.grafana.panel import Dashboard, Panel

_PAID: Final = "cost IS NOT NULL AND $__timeFilter(at) AND agent IN ($agent)"
_CALLS: Final = "$__timeFilter(rang_at) AND agent IN ($agent)"

COST: Final = Dashboard(
    name="cost",
    title="cost",
    meaning="Quantities used, by the prices of the day each call rang.",
    panels=(
        Panel(
            title="Paid",
            kind="table",
            width=8,
            height=5,
            sql=f"SELECT currency, sum(cost)::float8 AS cost FROM v_costs WHERE {_PAID} GROUP BY 1",
        ),
        Panel(
            title="A call, and a minute",
            kind="table",
            width=16,
            height=5,
            sql="SELECT agent, currency, count(*) AS calls, avg(cost)::float8 AS a_call,"
            " sum(cost)::float8 / nullif(sum(duration_s) / 60, 0) AS a_minute FROM v_calls"
            f" WHERE cost IS NOT NULL AND {_CALLS} GROUP BY 1, 2 ORDER BY a_call DESC",
        ),
        Panel(
            title="By day and kind",
            stacked=True,
            sql="SELECT $__timeGroupAlias(at, '1d'), kind || ' ' || currency AS metric,"
            f" sum(cost)::float8 AS cost FROM v_costs WHERE {_PAID} GROUP BY 1, 2 ORDER BY 1",
        ),
        Panel(
            title="By day and agent",
            stacked=True,
            sql="SELECT $__timeGroupAlias(at, '1d'), agent || ' ' || currency AS metric,"
            f" sum(cost)::float8 AS cost FROM v_costs WHERE {_PAID} GROUP BY 1, 2 ORDER BY 1",
        ),
        Panel(
            title="Who was paid for what",
            kind="table",
            sql="SELECT kind, provider, model, unit, sum(quantity) AS quantity,"
            f" sum(cost)::float8 AS cost, currency FROM v_costs WHERE {_PAID}"
            " GROUP BY 1, 2, 3, 4, 7 ORDER BY cost DESC",
        ),
        Panel(
            title="Used without a price",
            kind="table",
            meaning="Rightly so where another unit of the same use has one.",
            sql="SELECT kind, provider, model, unit, sum(quantity) AS quantity, count(*) AS calls"
            " FROM v_costs WHERE price IS NULL AND $__timeFilter(at) AND agent IN ($agent)"
            " GROUP BY 1, 2, 3, 4 ORDER BY calls DESC",
        ),
        Panel(
            title="The dearest calls",
            kind="table",
            width=24,
            sql="SELECT rang_at, call, agent, duration_s, turns, end_reason, cost::float8 AS cost,"
            f" currency FROM v_calls WHERE cost IS NOT NULL AND {_CALLS}"
            " ORDER BY cost DESC LIMIT 25",
        ),
    ),
)
