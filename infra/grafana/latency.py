"""What do callers wait for?"""

from typing import Final

from infra.grafana.panel import Dashboard, Panel

_P: Final = "percentile_cont({}) WITHIN GROUP (ORDER BY {})"
_P50, _P95 = _P.format(0.5, "ms"), _P.format(0.95, "ms")
_WHICH: Final = "$__timeFilter(at) AND agent IN ($agent) AND turn > 0"

LATENCY: Final = Dashboard(
    name="latency",
    title="latency",
    meaning="From the end of the caller's speech to the first audio of the reply, stage by stage.",
    panels=(
        Panel(
            title="Wait",
            unit="ms",
            width=24,
            sql=f"SELECT $__timeGroupAlias(at, '1h'), {_P50} AS p50, {_P95} AS p95,"
            f" {_P.format(0.99, 'ms')} AS p99 FROM v_latency WHERE stage = 'wait' AND {_WHICH}"
            " GROUP BY 1 ORDER BY 1",
        ),
        Panel(
            title="Stages, median",
            unit="ms",
            sql=f"SELECT $__timeGroupAlias(at, '1h'), stage AS metric, {_P50} AS p50 FROM v_latency"
            f" WHERE is_part AND {_WHICH} GROUP BY 1, 2 ORDER BY 1",
        ),
        Panel(
            title="Stages, p95",
            unit="ms",
            sql=f"SELECT $__timeGroupAlias(at, '1h'), stage AS metric, {_P95} AS p95 FROM v_latency"
            f" WHERE is_part AND {_WHICH} GROUP BY 1, 2 ORDER BY 1",
        ),
        Panel(
            title="Waits in steps of 250 ms",
            kind="barchart",
            sql="SELECT (floor(ms / 250) * 250)::int || ' ms' AS wait, count(*) AS turns"
            f" FROM v_latency WHERE stage = 'wait' AND {_WHICH} GROUP BY floor(ms / 250)"
            " ORDER BY floor(ms / 250)",
        ),
        Panel(
            title="Providers",
            kind="table",
            unit="ms",
            sql=f"SELECT stage, provider, cached, count(*) AS times, {_P50} AS p50, {_P95} AS p95"
            f" FROM v_latency WHERE provider IS NOT NULL AND {_WHICH}"
            " GROUP BY 1, 2, 3 ORDER BY 1, p95 DESC",
        ),
        Panel(
            title="Tools",
            kind="table",
            unit="ms",
            sql="SELECT tool, count(*) AS runs, count(*) FILTER (WHERE NOT ok) AS failed,"
            f" {_P.format(0.5, 'took_ms')} AS p50, {_P.format(0.95, 'took_ms')} AS p95 FROM v_tools"
            " WHERE $__timeFilter(called_at) AND agent IN ($agent) GROUP BY 1 ORDER BY p95 DESC",
        ),
        Panel(
            title="From the caller's voice to the agent's silence",
            unit="ms",
            sql=f"SELECT $__timeGroupAlias(at, '1h'), {_P.format(0.5, 'stop_ms')} AS p50,"
            f" {_P.format(0.95, 'stop_ms')} AS p95 FROM v_interruptions"
            " WHERE stop_ms IS NOT NULL AND $__timeFilter(at) AND agent IN ($agent)"
            " GROUP BY 1 ORDER BY 1",
        ),
        Panel(
            title="The longest waits",
            kind="table",
            unit="ms",
            width=24,
            sql="SELECT at, call, turn, agent, wait_ms, stt_ms, passages_ms, model_ms, tts_ms,"
            f" tools FROM v_turns WHERE wait_ms IS NOT NULL AND {_WHICH}"
            " ORDER BY wait_ms DESC LIMIT 25",
        ),
    ),
)
