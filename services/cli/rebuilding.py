"""partyline rebuild: tables made anew from the log while the present ones serve."""

from collections.abc import Sequence

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from contracts.codec import Codec
from infra.nats import connect
from infra.postgres import connect_pool
from projections import PROJECTIONS
from projections.projection import Projection
from projections.rebuild import Progress as Step
from projections.rebuild import rebuild, rolled_back
from services.cli.archiving import archive_of
from services.cli.following import servers_of
from services.cli.places import find
from services.cli.sealing import vault_of
from services.cli.settings import Settings
from services.cli.terminal import err, fail, out

_SAYS = {
    "fill": "folding the log",
    "index": "making indexes",
    "follow": "catching up",
    "check": "comparing",
    "swap": "taking over",
}
_BY = {True: "by machine code", False: "interpreted"}


async def rebuild_command(
    settings: Settings, names: Sequence[str], workers: int | None, check: bool
) -> int:
    """Rebuild these projections; all with none named."""
    places = find(settings, "nats", "postgres")
    bus = await connect(places.nats, name="partyline rebuild")
    pool = await connect_pool(places.postgres, command_s=0)
    try:
        vault = vault_of(bus, places)
        await vault.check()
        codec = Codec(vault)
        with _bar() as bar:
            task = bar.add_task("", total=None, rate="")

            def tell(step: Step) -> None:
                took_s = bar.tasks[task].elapsed or 0.0
                rate = f"{step.events / took_s:,.0f} events/s" if took_s > 0.1 else ""
                bar.update(
                    task,
                    completed=step.messages,
                    total=step.of or 1,
                    description=_SAYS[step.step],
                    rate=rate,
                )

            done = await rebuild(
                *(bus, pool, _named(names)),
                workers=workers,
                servers=servers_of(places, settings),
                codec=codec,
                archive=archive_of(settings, codec),
                tell=tell,
                check=check,
            )
    finally:
        await pool.close()
        await bus.close()
    rate = done.events / done.filled_s if done.filled_s else 0.0
    out.print(
        f"Live after {done.took_s:.1f} s: {done.events:,} events, {done.rows:,} rows,"
        f" {rate:,.0f} events/s, {_BY[done.compiled]}. The tables before are kept:"
        " 'partyline rebuild --rollback'."
    )
    return 0


async def rollback_command(settings: Settings, names: Sequence[str]) -> int:
    """Let the tables of before the last rebuild be live again."""
    places = find(settings, "postgres")
    pool = await connect_pool(places.postgres)
    try:
        await rolled_back(pool, _named(names))
    finally:
        await pool.close()
    out.print("The tables of before are live; they read on from where they were.")
    return 0


def _named(names: Sequence[str]) -> list[Projection]:
    known = {each.name: each for each in PROJECTIONS}
    unknown = [name for name in names if name not in known]
    if unknown:
        fail(f"There is no projection {unknown[0]}. There are {', '.join(known)}.")
    return [known[name] for name in names] or list(PROJECTIONS)


def _bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<16}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=err,
    )
