"""partyline export: whole files, or none, in bounded memory."""

import csv
import io
import os
import sys
from pathlib import Path

import asyncpg
import pyarrow.parquet as pq
import pytest
from analysts_at_work import VIEWS
from analytics_program import partyline
from seeded_calls import OURS

from contracts.ids import TenantId
from infra.postgres import Pool
from services.cli.exporting import CannotExport, Rows, export, moment_of
from services.cli.settings import Settings

_MANY = (
    "INSERT INTO timeline_1.timeline"
    " (tenant, call, sequence, index, at, offset_ms, lane, type, label, detail, stored_at)"
    " SELECT 'main', 'a call', n, 0, '2026-01-01', n, 'line', 'line.rang/1', '', '{}', '2026-01-01'"
    " FROM generate_series(100000, 400000) AS n"
)
_MORE_KB = 48_000  # than a small export takes; all rows at once would take five times as much


def _asked(view: str, *, since: str | None = None, until: str | None = None) -> Rows:
    return Rows(view=view, tenant=OURS, since=moment_of(since), until=moment_of(until))


def _settings(dsn: str) -> Settings:
    return Settings(postgres=dsn, tenant=TenantId(OURS), data=Path("/nowhere"))


async def _rows(dsn: str, query: str) -> list[asyncpg.Record]:
    db = await asyncpg.connect(dsn)
    try:
        return await db.fetch(query)
    finally:
        await db.close()


@pytest.mark.parametrize("view", VIEWS)
async def test_both_forms_hold_all_rows_of_the_tenant_and_all_columns(
    seeded: str, tmp_path: Path, view: str
) -> None:
    wanted = await _rows(seeded, f"SELECT * FROM {view} WHERE tenant = '{OURS}'")
    names = [name for name in wanted[0].keys() if name != "words"]
    assert await export(_settings(seeded), _asked(view), "csv", tmp_path / "a.csv") == 0
    assert await export(_settings(seeded), _asked(view), "parquet", tmp_path / "a.parquet") == 0
    with (tmp_path / "a.csv").open(newline="") as file:
        told = list(csv.DictReader(file))
    table = pq.read_table(tmp_path / "a.parquet")
    assert [*told[0]] == table.column_names == names
    assert len(told) == table.num_rows == len(wanted)
    assert {row["tenant"] for row in told} == {OURS} == set(table["tenant"].to_pylist())


async def test_money_and_times_are_exact_in_parquet(seeded: str, tmp_path: Path) -> None:
    await export(_settings(seeded), _asked("v_calls"), "parquet", tmp_path / "calls.parquet")
    query = f"SELECT call, rang_at, cost FROM v_calls WHERE tenant = '{OURS}'"
    wanted = {row["call"]: (row["rang_at"], row["cost"]) for row in await _rows(seeded, query)}
    table = pq.read_table(tmp_path / "calls.parquet").select(["call", "rang_at", "cost"])
    assert {r["call"]: (r["rang_at"], r["cost"]) for r in table.to_pylist()} == wanted
    assert any(cost for _, cost in wanted.values())


async def test_since_is_counted_in_and_until_is_left_out(seeded: str, tmp_path: Path) -> None:
    days = {}
    for view in ("v_rag_misses", "v_daily"):  # of a time, and of a day
        rows = _asked(view, since="2025-12-26", until="2025-12-30")
        await export(_settings(seeded), rows, "csv", tmp_path / f"{view}.csv")
        with (tmp_path / f"{view}.csv").open(newline="") as file:
            days[view] = {row["day"] for row in csv.DictReader(file)}
    assert "2025-12-26" in days["v_daily"]
    assert all("2025-12-26" <= day < "2025-12-30" for each in days.values() for day in each)
    assert days["v_rag_misses"] <= days["v_daily"]


async def test_a_line_break_in_what_was_said_stays_in_its_row(
    owner: Pool, copy: str, tmp_path: Path
) -> None:
    said = 'one\ntwo, "three"'
    await owner.execute("UPDATE turns_1.turns SET said = $1 WHERE turn = 1", said)
    await export(_settings(copy), _asked("v_turns"), "csv", tmp_path / "turns.csv")
    with (tmp_path / "turns.csv").open(newline="") as file:
        told = {row["said"] for row in csv.DictReader(file) if row["turn"] == "1"}
    assert told == {said}


async def test_what_goes_wrong_in_the_middle_leaves_the_file_of_before(
    owner: Pool, copy: str, tmp_path: Path
) -> None:
    target = tmp_path / "timeline.csv"
    target.write_text("of yesterday")
    await owner.execute(_MANY)
    broken = "CASE WHEN sequence = 399999 THEN (1 / (sequence - 399999))::int ELSE index END"
    definition = await owner.fetchval("SELECT pg_get_viewdef('v_timeline'::regclass)")
    breaking = definition.replace(" index,", f" {broken} AS index,")
    await owner.execute(f"CREATE OR REPLACE VIEW v_timeline AS {breaking}")
    for form in ("csv", "parquet"):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await export(_settings(copy), _asked("v_timeline"), form, target)  # type: ignore[arg-type]
        assert target.read_text() == "of yesterday"
        assert os.listdir(tmp_path) == ["timeline.csv"]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory was used")
async def test_memory_does_not_grow_with_the_rows(owner: Pool, copy: str, tmp_path: Path) -> None:
    await owner.execute(_MANY)
    for form in ("--csv", "--parquet"):
        few, many = (
            partyline("export", view, form, "-o", str(tmp_path / view), "--postgres", copy)
            for view in ("v_agents", "v_timeline")
        )
        assert (few.code, many.code) == (0, 0), many.said
        assert "v_timeline: 30" in many.said, "rows were lost"
        assert many.most_kb - few.most_kb < _MORE_KB


def test_csv_goes_to_the_output_and_what_it_was_to_the_error_stream(seeded: str) -> None:
    done = partyline("export", "v_calls", "--postgres", seeded, "--tenant", OURS)
    rows = list(csv.DictReader(io.StringIO(done.out.decode())))
    assert done.code == 0
    assert {row["tenant"] for row in rows} == {OURS}
    assert f"v_calls: {len(rows)} rows" in done.said


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("export", "calls"), 2, "There is no view 'calls'. There are v_agents"),
        (("export", "v_calls; DROP TABLE prices"), 2, "There is no view"),
        (("export", "v_calls", "--since", "monday"), 2, "'monday' is no day"),
        (("export", "v_calls", "--csv", "--parquet"), 2, "Give --csv or --parquet"),
        (("export", "v_calls", "--parquet"), 1, "name it with -o FILE"),
        (("export", "v_calls", "-o", "/no/such/folder/x.csv"), 1, "No such file or directory"),
        (("report", "--day", "31.12.2025"), 2, "is no day: it is written like"),
        (("report", "--days", "0"), 2, "--days takes 1 to 366"),
        (("report", "--tenant", "nobody"), 1, "There are no calls yet"),
        (("analysts", "add", "Ada"), 1, "An analyst's name is of a to z"),
        (("analysts", "add", "postgres"), 1, "PostgreSQL has a role postgres for something else"),
        (("analysts", "remove", "nobody_we_know"), 1, "There is no analyst 'nobody_we_know'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    seeded: str, words: tuple[str, ...], code: int, says: str
) -> None:
    done = partyline(*words, "--postgres", seeded)
    assert done.code == code
    assert says in " ".join(done.said.split())
    assert "Traceback" not in done.said


async def test_a_view_nobody_has_made_says_who_makes_it(postgres_dsn: str, tmp_path: Path) -> None:
    with pytest.raises(CannotExport, match="partyline up"):
        await export(_settings(postgres_dsn), _asked("v_calls"), "csv", tmp_path / "x.csv")
    assert os.listdir(tmp_path) == []


async def test_without_pyarrow_parquet_says_how_to_get_it(
    seeded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(CannotExport, match=r"partyline\[parquet\]"):
        await export(_settings(seeded), _asked("v_calls"), "parquet", tmp_path / "x.parquet")
