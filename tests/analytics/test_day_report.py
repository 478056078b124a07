"""partyline report: right figures, on 80 columns, also into a pipe."""

import json
import re

import asyncpg
from analytics_program import partyline
from seeded_calls import LAST_DAY, OURS, THEIRS

from infra.postgres import Pool
from services.cli import charts

_WEEK = ("report", "--day", LAST_DAY, "--days", "7")


def test_a_page_fits_into_80_columns_and_has_no_colours_in_a_pipe(seeded: str) -> None:
    page = partyline(*_WEEK, "--postgres", seeded, "--tenant", OURS).out.decode()
    assert max(map(len, page.splitlines())) <= 80
    assert "\x1b" not in page
    assert "…" not in page, "something was cut"
    for section in ("Calls by hour", "Day by day", "How calls ended", "What callers waited"):
        assert section in page
    for section in (
        "Interruptions: ",
        "Questions the knowledge did not cover: ",
        "Failures",
        "Costs",
    ):
        assert section in page


async def test_its_figures_are_those_of_the_tables(seeded: str) -> None:
    told = json.loads(partyline(*_WEEK, "--json", "--postgres", seeded, "--tenant", OURS).out)
    db = await asyncpg.connect(seeded)
    which = f"tenant = '{OURS}' AND {{}} >= '2025-12-25' AND {{}} < '2026-01-01'"

    async def count(what: str, table: str, when: str) -> int:
        return int(
            await db.fetchval(f"SELECT {what} FROM {table} WHERE {which.format(when, when)}")
        )

    total = told["total"]
    assert total["calls"] == await count("count(*)", "calls", "rang_at") > 0
    assert total["questions"] == await count("count(*)", "knowledge_questions", "asked_at") > 0
    uncovered = "count(*) FILTER (WHERE found IS NULL OR found = 0 OR late)"
    assert total["uncovered"] == await count(uncovered, "knowledge_questions", "asked_at") > 0
    assert sum(each["times"] for each in told["failures"]) <= await count(
        "count(*)", "failures", "at"
    )
    assert sum(each["times"] for each in told["interruptions"]) == await count(
        "count(*)", "interruptions", "at"
    )
    await db.close()
    assert sum(each["calls"] for each in told["hours"]) == total["calls"]
    assert sum(each["calls"] for each in told["days"]) == total["calls"]
    assert sum(each["times"] for each in told["missed"]) <= total["uncovered"]


async def test_a_calls_cost_is_that_of_what_it_used_by_the_prices_of_its_day(
    owner: Pool, copy: str
) -> None:
    """The view reckons as projections.costs does with price_of."""
    rows = await owner.fetch(
        "SELECT v.quantity::numeric * p.price / p.per AS wanted, v.cost FROM v_costs AS v"
        " CROSS JOIN LATERAL price_of(v.kind, v.provider, v.model, v.unit, v.at) AS p"
    )
    assert rows
    assert all(abs(row["wanted"] - row["cost"]) < 1e-7 for row in rows)
    priced = "SELECT count(*) FROM v_costs WHERE price IS NOT NULL"
    assert await owner.fetchval(priced) == len(rows)
    await owner.execute(
        "INSERT INTO prices"
        " SELECT kind, provider, model, unit, '2025-12-29', price * 2, per, currency FROM prices"
    )
    query = (
        "SELECT day >= '2025-12-29' AS later, sum(price * quantity::numeric / per) AS cost,"
        " sum(quantity::numeric / per * (SELECT price FROM prices AS p WHERE p.kind = v.kind"
        " AND p.provider = v.provider AND p.unit = v.unit AND from_day < '2000-01-01')) AS before"
        " FROM v_costs AS v WHERE price IS NOT NULL GROUP BY 1 ORDER BY 1"
    )
    early, later = await owner.fetch(query)
    assert abs(early["cost"] - early["before"]) < 1e-9
    assert abs(later["cost"] - 2 * later["before"]) < 1e-9


def test_without_a_day_it_is_the_newest_one_with_calls(seeded: str) -> None:
    page = partyline("report", "--postgres", seeded, "--tenant", OURS).out.decode()
    assert page.startswith(f"{OURS} · Wed 31 Dec 2025 (UTC)")
    assert "Day by day" not in page


def test_a_day_without_calls_says_when_there_were_some(seeded: str) -> None:
    done = partyline("report", "--day", "2020-01-01", "--postgres", seeded, "--tenant", THEIRS)
    assert done.code == 0
    assert re.search(r"No calls on 2020-01-01 .*The newest are of 2025-12-31", done.out.decode())


def test_one_agents_page_holds_its_calls_alone(seeded: str) -> None:
    words = (*_WEEK, "--json", "--postgres", seeded, "--tenant", OURS)
    all_of_them = json.loads(partyline(*words).out)["total"]["calls"]
    by_agent = [
        json.loads(partyline(*words, "--agent", agent).out)["total"]["calls"]
        for agent in ("dentist", "hotel", "werkstatt", "reminder")
    ]
    assert sum(by_agent) == all_of_them
    assert all(calls < all_of_them for calls in by_agent)


def test_bars_are_as_long_as_what_they_stand_for() -> None:
    assert charts.bar(10, 10, 4) == "████"
    assert charts.bar(5, 10, 4) == "██"
    assert charts.bar(0, 10, 4) == ""
    assert charts.bar(0.001, 10, 4) == "▏"
    assert charts.bar(1, 0, 4) == ""
    assert charts.two_bars(1, 2, 4, 8) == "██░░"
    assert charts.columns({0: 8, 1: 1}, range(3), 1) == ["██ ▁▁   "]
