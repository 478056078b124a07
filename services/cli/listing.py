"""partyline calls: what the tables hold."""

import io
from pathlib import Path
from typing import Final

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from contracts.ids import CallId, checked
from infra.postgres import Pool, connect_pool
from projections.calls import read as calls
from projections.tool_runs import read as tool_runs
from projections.turns import read as turns
from services.cli.places import find
from services.cli.recorded import NoSuchCall
from services.cli.settings import Settings
from services.cli.terminal import out
from services.cli.waterfall import call_row, tool_rows, turn_rows, waterfall

_PICTURE_WIDTH: Final = 96  # columns


async def list_calls(settings: Settings, limit: int) -> None:
    """The newest calls, a row each."""
    pool = await connect_pool(find(settings, "postgres").postgres)
    try:
        found = await calls.list(pool, settings.tenant, limit)
    finally:
        await pool.close()
    table = Table(box=SIMPLE, padding=(0, 1))
    table.add_column("call", no_wrap=True)
    for name in ("rang", "ended by", "agent"):
        table.add_column(name)
    for name in ("turns", "seconds"):
        table.add_column(name, justify="right")
    for call in found:
        rang = call.rang_at.astimezone().strftime("%m-%d %H:%M:%S") if call.rang_at else ""
        seconds = f"{call.duration_ms / 1000:.1f}" if call.duration_ms is not None else ""
        ended = (call.end_reason or call.state).replace("_", " ")
        agent = f"{call.agent} r{call.revision}"
        table.add_row(call.call, rang, ended, agent, str(call.turns), seconds)
    out.print(table if found else "No calls yet. Place one: partyline call --audio FILE.wav")


async def show_call(settings: Settings, call: str, picture: Path | None = None) -> None:
    """One call's row, turns, tools and waits, the latter drawn in `picture`, too.

    Raises: NoSuchCall.
    """
    pool = await connect_pool(find(settings, "postgres").postgres)
    id = CallId(checked("call", call))
    try:
        await print_call(pool, settings, id)
        if picture is not None:
            draw(waterfall(await turns.of_call(pool, settings.tenant, id)), picture)
    finally:
        await pool.close()


def draw(table: Table, file: Path) -> None:
    """The table as it stands in the terminal, as SVG."""
    console = Console(record=True, file=io.StringIO(), width=_PICTURE_WIDTH)
    console.print(table)
    file.write_text(console.export_svg(title="partyline calls show"))


async def print_call(pool: Pool, settings: Settings, call: CallId) -> None:
    """The same from a pool at hand. Raises NoSuchCall."""
    row = await calls.show(pool, settings.tenant, call)
    if row is None:
        raise NoSuchCall(f"The tables hold no call {call}. 'partyline calls' lists them.")
    its_turns = await turns.of_call(pool, settings.tenant, call)
    its_tools = await tool_runs.of_call(pool, settings.tenant, call)
    out.print(call_row(row), turn_rows(its_turns))
    if its_tools:
        out.print(tool_rows(its_tools))
    out.print(waterfall(its_turns))
