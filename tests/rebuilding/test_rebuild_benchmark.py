"""`just bench-rebuild`: what it measures on a small log, and what it says of what cannot be."""

import asyncio
import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from infra.embedded import embedded
from infra.postgres import connect_pool
from loadtest.rebuilding.databases import fresh
from loadtest.rebuilding.digests import digests
from loadtest.rebuilding.figures import Copying, Figures, Memory, Rebuild
from loadtest.rebuilding.plot import plotted
from projections import PROJECTIONS
from projections.schema import prepare

pytestmark = pytest.mark.stack
SMALL = ("--distinct", "30", "--peer-events", "0", "--interpreted")
ENTRY = (
    "INSERT INTO timeline (tenant, call, sequence, index, at, offset_ms, lane, type, label, detail,"
    " stored_at) VALUES ('main', $1, $2, 0, now(), 0, 'line', 'rang', $3, $4, now())"
)


async def bench(*arguments: str) -> tuple[int, str]:
    """Exit code and all that is printed."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtest.rebuilding", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, printed.decode()


async def figures(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    file = tmp_path / "figures.json"
    asked = (*SMALL, "--data", str(tmp_path / "data"), "--json", str(file), *arguments)
    code, printed = await bench(*asked)
    assert code == 0, printed
    found: dict[str, Any] = json.loads(file.read_bytes())
    return found


async def test_all_tables_are_made_twice_and_are_equal(tmp_path: Path) -> None:
    found = await figures(tmp_path, "--events", "2000", "--workers", "1")
    assert 2_000 <= found["events"] < 2_500
    assert found["rows"] > found["events"]
    assert found["equal"] is True
    assert found["sealed"] is True
    assert found["compiled"] is False
    assert found["parked"] == 0
    assert found["workers"] == 1
    assert found["peer_events_per_s"] is None
    assert 0 < found["filled_s"] < found["took_s"]
    assert found["events_per_s"] == pytest.approx(found["events"] / found["took_s"], rel=0.01)
    assert found["copy_rows_per_s"] > 0
    assert 30 < found["peak_rss_mb"] < 500
    assert [run["events"] for run in found["series"]] == [found["events"]] * 2


async def test_live_calls_are_timed_and_the_log_is_kept_and_grows(tmp_path: Path) -> None:
    plain = ("--plain", "--workers")
    small = await figures(tmp_path, *plain, "1", "--events", "600", "--live", "--live-seconds", "1")
    assert small["sealed"] is False
    late = small["live"]
    assert 50 < late["events"] < late["appended"]
    assert 0 < late["row_p50_ms"] <= late["row_p99_ms"]
    assert 0 < late["committed_p50_ms"] <= late["committed_p99_ms"]
    there, wanted = small["events"] + late["appended"], 4_000
    large = await figures(tmp_path, *plain, "1", "2", "--events", "600", str(wanted))
    sizes = [(run["events"], run["workers"]) for run in large["series"]]
    more = large["events"]
    assert sizes == [(there, 1), (there, 2), (more, 1), (more, 2)]
    assert more >= wanted
    code, printed = await bench(*SMALL, "--data", str(tmp_path / "data"), "--events", "600")
    assert code == 1
    assert "is plain: run with --plain" in " ".join(printed.split())


async def test_rows_that_differ_are_not_taken_for_equal(tmp_path: Path) -> None:
    async with embedded(tmp_path / "stack") as addresses:
        admin = await connect_pool(addresses.postgres_dsn)
        async with fresh(admin, addresses.postgres_dsn, "compared") as dsn:
            pool = await connect_pool(dsn)
            for each in PROJECTIONS:
                await prepare(pool, each)
            empty = await digests(pool)
            await pool.execute(ENTRY, "one", 1, "said", {"turn": 1})
            one = await digests(pool)
            await pool.execute("UPDATE timeline SET detail = $1", {"turn": 2})
            other = await digests(pool)
            await pool.close()
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await asyncpg.connect(dsn)
        await admin.close()
    assert empty["timeline"] != one["timeline"] != other["timeline"]
    assert one["timeline"].rows == other["timeline"].rows == 1
    assert one["turns"] == other["turns"] == empty["turns"]


async def test_another_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    code, printed = await bench(*SMALL, "--data", str(tmp_path))
    assert code == 1
    assert "holds something else" in " ".join(printed.split())


def test_the_plot_has_a_line_for_each_number_of_workers() -> None:
    memory = Memory(ours=100.0, postgres=100.0, nats=50.0)
    series = [
        Rebuild(
            events=e,
            workers=w,
            rows=e,
            filled_s=1.0,
            took_s=e / r,
            compiled=False,
            memory=memory,
        )
        for e, w, r in ((1_000, 1, 900.0), (1_000, 2, 1_500.0), (9_000, 1, 950.0), (9_000, 2, 1e5))
    ]
    drawn = ElementTree.fromstring(plotted(found_of(series)))
    svg = "{http://www.w3.org/2000/svg}"
    assert len(drawn.findall(f"{svg}polyline")) == 2
    points = [each.findtext(f"{svg}title") for each in drawn.findall(f"{svg}circle")]
    assert "9,000 events, 2 workers: 100,000 events/s" in points
    assert len(points) == 4
    assert all(0 <= float(each.attrib["cy"]) <= 400 for each in drawn.findall(f"{svg}circle"))


def found_of(series: list[Rebuild]) -> Figures:
    best = series[-1]
    return Figures(
        events=best.events,
        events_per_s=best.events_per_s,
        copy_rows_per_s=1.0,
        peer_events_per_s=None,
        peak_rss_mb=1.0,
        equal=True,
        workers=best.workers,
        compiled=best.compiled,
        sealed=True,
        rows=best.rows,
        filled_s=best.filled_s,
        took_s=best.took_s,
        parked=0,
        cores=2,
        series=series,
        copying=Copying(rows=1, rows_per_s=1.0, records_per_s=1.0),
        peer=None,
        live=None,
    )
