"""Were callers helped?"""

from typing import Final

from infra.grafana.panel import Dashboard, Panel

_TIME: Final = "day::timestamp AT TIME ZONE 'UTC' AS time"
_DAYS: Final = "$__timeFilter(day) AND agent IN ($agent)"

CONVERSATION: Final = Dashboard(
    name="conversation",
    title="conversation quality",
    meaning="Containment, outcomes, questions not covered, interruptions, what was not understood.",
    panels=(
        Panel(
            title="Calls that ended without a transfer",
            unit="percentunit",
            sql=f"SELECT {_TIME}, agent AS metric,"
            " sum(contained)::float8 / sum(calls) AS contained"
            f" FROM v_containment WHERE {_DAYS} GROUP BY 1, 2 ORDER BY 1",
        ),
        Panel(
            title="Outcomes",
            stacked=True,
            sql="SELECT $__timeGroupAlias(rang_at, '1d'),"
            " coalesce(outcome, 'not judged') AS metric, count(*) AS calls FROM v_calls"
            " WHERE $__timeFilter(rang_at) AND agent IN ($agent) GROUP BY 1, 2 ORDER BY 1",
        ),
        Panel(
            title="How far calls got",
            kind="bargauge",
            sql=f"SELECT phase, sum(calls) AS calls FROM v_funnel WHERE {_DAYS}"
            " GROUP BY phase, step ORDER BY step",
        ),
        Panel(
            title="Questions the knowledge did not cover",
            unit="percentunit",
            sql="SELECT $__timeGroupAlias(asked_at, '1d'), agent AS metric,"
            " avg((NOT covered)::int)::float8 AS uncovered FROM v_questions"
            " WHERE $__timeFilter(asked_at) AND agent IN ($agent) GROUP BY 1, 2 ORDER BY 1",
        ),
        Panel(
            title="These questions",
            kind="table",
            width=24,
            meaning="Personal data: callers' words.",
            sql="SELECT lower(question) AS question, count(*) AS times,"
            " string_agg(DISTINCT why, ', ') AS why, string_agg(DISTINCT fate, ', ') AS fate,"
            " max(asked_at) AS last FROM v_rag_misses WHERE $__timeFilter(asked_at)"
            " AND agent IN ($agent) GROUP BY 1 ORDER BY times DESC, last DESC LIMIT 100",
        ),
        Panel(
            title="Replies given up",
            stacked=True,
            sql="SELECT $__timeGroupAlias(at, '1d'), cause AS metric, count(*) AS replies"
            " FROM v_interruptions WHERE $__timeFilter(at) AND agent IN ($agent)"
            " GROUP BY 1, 2 ORDER BY 1",
        ),
        Panel(
            title="Not understood, fallbacks",
            unit="percentunit",
            sql=f"SELECT {_TIME}, sum(misheard)::float8 / nullif(sum(turns + misheard), 0)"
            " AS misheard, sum(fallbacks)::float8 / nullif(sum(replies), 0) AS fallbacks"
            f" FROM v_daily WHERE {_DAYS} GROUP BY 1 ORDER BY 1",
        ),
        Panel(
            title="Agents and their revisions",
            kind="table",
            width=24,
            sql="SELECT agent, revision, count(*) AS calls,"
            " avg(contained::int)::float8 AS contained,"
            " avg((outcome = 'success')::int)::float8 AS success, avg(turns)::float8 AS turns,"
            " avg(interruptions)::float8 AS interruptions FROM v_calls"
            " WHERE $__timeFilter(rang_at) AND agent IN ($agent) GROUP BY 1, 2 ORDER BY 1, 2 DESC",
        ),
    ),
)
