"""A dashboard's panels, and Grafana's JSON for them."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

COLUMNS: Final = 24  # Grafana's grid
SOURCE: Final = {"type": "grafana-postgresql-datasource", "uid": "partyline"}
_AGENTS: Final = "SELECT DISTINCT agent FROM v_agents ORDER BY agent"


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """A question to the views, and how the answer is drawn."""

    title: str
    sql: str
    """With Grafana's macros: $__timeFilter(column), $__timeGroupAlias(column, interval), $agent."""
    kind: str = "timeseries"  # stat, table, barchart, bargauge
    unit: str = "short"  # Grafana's name: ms, percentunit, s
    width: int = 12  # columns of 24
    height: int = 8
    stacked: bool = False
    meaning: str = ""  # for the panel's (i)


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """Panels that belong together, from left to right and downwards."""

    name: str  # of the file, and part of the address
    title: str
    meaning: str
    panels: tuple[Panel, ...]


def as_json(dashboard: Dashboard) -> dict[str, Any]:
    """As Grafana imports it."""
    return {
        "uid": f"partyline-{dashboard.name}",
        "title": f"Partyline: {dashboard.title}",
        "description": dashboard.meaning,
        "tags": ["partyline"],
        "schemaVersion": 41,
        "editable": True,
        "timezone": "utc",
        "time": {"from": "now-7d", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [_agent_variable()]},
        "links": [
            {"type": "dashboards", "tags": ["partyline"], "title": "Others", "asDropdown": True}
        ],
        "panels": _placed(dashboard.panels),
    }


def _agent_variable() -> dict[str, Any]:
    return {
        "name": "agent",
        "label": "Agent",
        "type": "query",
        "datasource": SOURCE,
        "query": _AGENTS,
        "definition": _AGENTS,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    placed, x, y, line = [], 0, 0, 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > COLUMNS:
            x, y, line = 0, y + line, 0
        placed.append(
            _drawn(panel, number)
            | {"gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height}}
        )
        x, line = x + panel.width, max(line, panel.height)
    return placed


def _drawn(panel: Panel, number: int) -> dict[str, Any]:
    form = "time_series" if panel.kind == "timeseries" else "table"
    return {
        "id": number,
        "title": panel.title,
        "description": panel.meaning,
        "type": panel.kind,
        "datasource": SOURCE,
        "targets": [
            {
                "refId": "A",
                "datasource": SOURCE,
                "editorMode": "code",
                "format": form,
                "rawQuery": True,
                "rawSql": panel.sql,
            }
        ],
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "custom": _custom(panel)},
            "overrides": [],
        },
        "options": _options(panel.kind),
    }


def _custom(panel: Panel) -> dict[str, Any]:
    if panel.kind != "timeseries":
        return {}
    if panel.stacked:
        return {"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "normal"}}
    return {"drawStyle": "line", "fillOpacity": 10, "spanNulls": True}


def _options(kind: str) -> dict[str, Any]:
    if kind in ("stat", "bargauge"):
        every = kind == "bargauge"
        return {"reduceOptions": {"values": every, "calcs": ["lastNotNull"]}, "orientation": "auto"}
    if kind == "timeseries":
        return {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi"},
        }
    return {}
