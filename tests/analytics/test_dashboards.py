"""Every question of every dashboard is answered by the views, to an analyst."""

import json
import re
from collections.abc import AsyncIterator
from itertools import combinations
from typing import Any

import asyncpg
import pytest
import yaml
from analysts_at_work import VIEWS

from infra.grafana.build import DASHBOARDS, FOLDER, file_of, render

_PROVISIONING = FOLDER.parent / "provisioning"
_FROM, _TO = "2025-12-21T00:00:00Z", "2026-01-01T00:00:00Z"
_SECONDS = {"5m": 300, "1h": 3600, "1d": 86400}
# Nothing of the kind is in a database at rest.
_MAY_BE_NOTHING = {"Calls going on"}


def _all_panels() -> list[Any]:
    return [
        pytest.param(panel, id=f"{each.name}: {panel['title']}")
        for each in DASHBOARDS
        for panel in json.loads(file_of(each).read_text("utf-8"))["panels"]
    ]


def as_grafana_sends_it(sql: str, agents: list[str]) -> str:
    """https://grafana.com/docs/grafana/latest/datasources/postgres/#macros"""
    sql = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN '{_FROM}' AND '{_TO}'", sql)
    sql = re.sub(
        r"\$__timeGroupAlias\((\w+),\s*'(\w+)'\)",
        lambda m: f'floor(extract(epoch from {m[1]})/{_SECONDS[m[2]]})*{_SECONDS[m[2]]} AS "time"',
        sql,
    )
    sql = sql.replace("$agent", ",".join(f"'{agent}'" for agent in agents))
    assert "$" not in sql, f"unknown to this test: {sql}"
    return sql


@pytest.fixture
async def analyst(analyst_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    db = await asyncpg.connect(analyst_dsn)
    yield db
    await db.close()


async def _agents(db: asyncpg.Connection) -> list[str]:
    dashboard = json.loads(file_of(DASHBOARDS[0]).read_text("utf-8"))
    (variable,) = dashboard["templating"]["list"]
    return [row[0] for row in await db.fetch(variable["query"])]


@pytest.mark.parametrize("panel", _all_panels())
async def test_a_panel_shows_something_of_the_seeded_calls(
    analyst: asyncpg.Connection, panel: dict[str, Any]
) -> None:
    agents = await _agents(analyst)
    assert agents
    (target,) = panel["targets"]
    rows = await analyst.fetch(as_grafana_sends_it(target["rawSql"], agents))
    assert rows
    if panel["title"] not in _MAY_BE_NOTHING:
        for column in rows[0].keys():  # a record, whose "in" is of its values
            assert any(row[column] is not None for row in rows), f"{column} is always empty"
    if target["format"] == "time_series":
        times = [row["time"] for row in rows]
        assert times == sorted(times)
        assert len(rows[0]) >= 2


@pytest.mark.parametrize("panel", _all_panels())
def test_a_panel_asks_the_views_and_nothing_else(panel: dict[str, Any]) -> None:
    asked = re.findall(
        r"(?:FROM|JOIN)\s+(\w+)", panel["targets"][0]["rawSql"].replace("epoch FROM", "")
    )
    assert asked
    assert set(asked) <= set(VIEWS)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.name)
def test_a_file_is_what_its_definition_makes(dashboard: Any) -> None:
    assert file_of(dashboard).read_text("utf-8") == render(dashboard), "run 'just catalogue'"


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.name)
def test_no_panel_lies_on_another(dashboard: Any) -> None:
    panels = json.loads(render(dashboard))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above
        assert one["x"] + one["w"] <= 24


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.name)
def test_a_dashboard_keeps_to_what_grafana_knows(dashboard: Any) -> None:
    """https://github.com/grafana/grafana/blob/main/kinds/dashboard/dashboard_kind.cue"""
    made = json.loads(render(dashboard))
    assert re.fullmatch(r"[A-Za-z0-9_-]{8,40}", made["uid"])
    assert made["schemaVersion"] >= 36
    (variable,) = made["templating"]["list"]
    assert (variable["type"], variable["datasource"]["uid"]) == ("query", "partyline")
    for panel in made["panels"]:
        assert panel["type"] in {"timeseries", "stat", "table", "barchart", "bargauge"}
        place = panel["gridPos"]
        assert place["h"] > 0
        assert 0 < place["w"] <= 24
        assert 0 <= place["x"] < 24


def test_grafana_finds_the_source_the_dashboards_name() -> None:
    sources = yaml.safe_load((_PROVISIONING / "datasources" / "partyline.yaml").read_text("utf-8"))
    uids = {(each["uid"], each["type"]) for each in sources["datasources"]}
    for each in DASHBOARDS:
        for panel in json.loads(render(each))["panels"]:
            for asked in (panel["datasource"], *(t["datasource"] for t in panel["targets"])):
                assert (asked["uid"], asked["type"]) in uids


def test_every_dashboard_that_is_there_is_defined() -> None:
    assert {file.name for file in FOLDER.glob("*.json")} == {file_of(d).name for d in DASHBOARDS}
