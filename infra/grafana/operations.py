"""Is everything running?"""

from typing import Final

from infra.grafana.panel import Dashboard, Panel

OPERATIONS: Final = Dashboard(
    name="operations",
    title="operations",
    meaning="Calls, their ends, what failed, the lines, and how fresh all this is.",
    panels=(
        Panel(
            title="Calls going on",
            kind="stat",
            width=4,
            height=4,
            sql="SELECT count(*) AS calls FROM v_calls WHERE state = 'live' AND agent IN ($agent)",
        ),
        Panel(
            title="Answered",
            kind="stat",
            unit="percentunit",
            width=4,
            height=4,
            sql="SELECT sum(answered)::float8 / nullif(sum(calls), 0) AS answered FROM v_hourly"
            " WHERE $__timeFilter(hour) AND agent IN ($agent)",
        ),
        Panel(
            title="Failures in 100 calls",
            kind="stat",
            width=4,
            height=4,
            sql="SELECT 100.0 * (SELECT count(*) FROM v_failures WHERE $__timeFilter(at)"
            " AND agent IN ($agent)) / nullif(count(*), 0) AS failures FROM v_calls"
            " WHERE $__timeFilter(rang_at) AND agent IN ($agent)",
        ),
        Panel(
            title="Lines that callers lost",
            kind="stat",
            width=4,
            height=4,
            meaning="Neither moved on purpose nor lost only by the log.",
            sql="SELECT count(*) FILTER (WHERE noticed) AS lost FROM v_line_quality"
            " WHERE $__timeFilter(began_at) AND agent IN ($agent)",
        ),
        Panel(
            title="Newest event in these tables",
            kind="stat",
            unit="dateTimeFromNow",
            width=8,
            height=4,
            sql="SELECT extract(epoch FROM max(stored_at)) * 1000 AS newest FROM v_timeline"
            " WHERE $__timeFilter(at)",
        ),
        Panel(
            title="Calls by hour",
            stacked=True,
            sql="SELECT $__timeGroupAlias(hour, '1h'), agent AS metric, sum(calls) AS calls"
            " FROM v_hourly WHERE $__timeFilter(hour) AND agent IN ($agent)"
            " GROUP BY 1, 2 ORDER BY 1",
        ),
        Panel(
            title="How calls ended",
            stacked=True,
            sql="SELECT $__timeGroupAlias(ended_at, '1h'), end_reason AS metric, count(*) AS calls"
            " FROM v_calls WHERE $__timeFilter(ended_at) AND agent IN ($agent)"
            " GROUP BY 1, 2 ORDER BY 1",
        ),
        Panel(
            title="Failures by stage",
            stacked=True,
            sql="SELECT $__timeGroupAlias(at, '1h'), stage AS metric, count(*) AS failures"
            " FROM v_failures WHERE $__timeFilter(at) AND agent IN ($agent)"
            " GROUP BY 1, 2 ORDER BY 1",
        ),
        Panel(
            title="What failed, and what came of it",
            kind="table",
            sql="SELECT stage, kind, provider, followed, count(*) AS times, max(at) AS last"
            " FROM v_failures WHERE $__timeFilter(at) AND agent IN ($agent)"
            " GROUP BY 1, 2, 3, 4 ORDER BY times DESC LIMIT 50",
        ),
        Panel(
            title="Late frames of callers",
            unit="percentunit",
            meaning="More than 20 ms behind the carrier's own time stamps.",
            sql="SELECT $__timeGroupAlias(began_at, '1h'), carrier AS metric,"
            " sum(late_frames)::float8 / nullif(sum(frames), 0) AS late FROM v_line_quality"
            " WHERE $__timeFilter(began_at) AND agent IN ($agent) GROUP BY 1, 2 ORDER BY 1",
        ),
        Panel(
            title="How far the tables are behind the log",
            unit="ms",
            meaning="Large where tables were made anew.",
            sql="SELECT $__timeGroupAlias(at, '5m'),"
            " percentile_cont(0.5) WITHIN GROUP (ORDER BY row_ms) AS p50,"
            " percentile_cont(0.99) WITHIN GROUP (ORDER BY row_ms) AS p99"
            " FROM v_timeline WHERE $__timeFilter(at) GROUP BY 1 ORDER BY 1",
        ),
    ),
)
