"""Made-up calls in a log: python -m loadtest.generating --calls N --seed S.

They are decided by the real rules, so that `partyline verify` finds nothing wrong in them.
"""

import argparse
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import nats.errors
from nats.js.errors import APIError
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from contracts.codec import Codec
from contracts.ids import BadId, TenantId, checked
from contracts.journal import JournalUnavailable
from contracts.seal import Locked
from infra.embedded import AlreadyRunning, ChildFailed, MadeForOtherNodes, embedded, running
from infra.master_key import BadMasterKey
from infra.nats import BusUnavailable, connect, create_streams
from loadtest.generating.bystanders import kept_out
from loadtest.generating.generate import Generated, generate
from loadtest.generating.times import LEAST_DAYS
from loadtest.generating.writing import NotWritten
from services.cli import settings as configuration
from services.cli.places import NothingRuns, Places, find, of_stack
from services.cli.sealing import vault_of
from services.cli.settings import BadSetting, Settings
from services.cli.terminal import fail, out, run

_EXPECTED: Final = (
    AlreadyRunning,
    BadId,
    BadMasterKey,
    BadSetting,
    BusUnavailable,
    ChildFailed,
    JournalUnavailable,
    Locked,
    MadeForOtherNodes,
    NothingRuns,
    NotWritten,
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be made."""

    calls: int
    seed: int
    until_ms: int
    days: float
    tenants: tuple[TenantId, ...]
    distinct: int
    at_once: int


def main() -> None:
    """The program. Exit code 1 when not all calls were written."""
    given = _parser().parse_args()
    try:
        settings = configuration.from_environment({"data": given.data, "nats": given.nats})
        wanted = _wanted(given, settings)
        run(_generate(settings, wanted, given), settings.log_level)
    except _EXPECTED as expected:
        fail(str(expected))
    except (nats.errors.Error, APIError, OSError) as away:
        fail(f"The log went away, and not all was written: {type(away).__name__}.")
    except KeyboardInterrupt:
        fail("Stopped. The calls that went on just then are left unfinished in the log.", 130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.generating",
        description=__doc__,
        epilog="What is stored is on disk: a data folder in memory (/dev/shm) is quicker.",
    )
    parser.add_argument("--calls", type=_positive, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(100_000), help="decides all")
    parser.add_argument("--data", help="data folder; its servers are started if they do not run")
    parser.add_argument("--nats", help="NATS server instead, nats://TOKEN@host:4222")
    parser.add_argument("--days", type=_days, default=7.0, help="over which the calls are spread")
    parser.add_argument("--until", type=_time, help="by which all ended, 2026-01-31T12:00; now")
    parser.add_argument("--tenants", nargs="+", help="whose calls they are; else the setting's")
    parser.add_argument(
        "--distinct", type=int, default=0, help="calls made up, the rest repeats them; 0: all"
    )
    parser.add_argument("--at-once", type=_positive, default=20, help="calls side by side")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return int(text)


def _days(text: str) -> float:
    if not LEAST_DAYS <= (days := float(text)) <= 3_650:
        raise argparse.ArgumentTypeError(f"must be from {LEAST_DAYS} to 3650")
    return days


def _time(text: str) -> int:
    """UNIX time in milliseconds. Without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be like 2026-01-31T12:00:00") from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _wanted(given: argparse.Namespace, settings: Settings) -> Wanted:
    tenants = given.tenants or [settings.tenant]
    return Wanted(
        calls=given.calls,
        seed=given.seed,
        until_ms=given.until or int(time.time()) * 1000,
        days=given.days,
        tenants=tuple(TenantId(checked("tenant", each)) for each in tenants),
        distinct=max(given.distinct, 0),
        at_once=given.at_once,
    )


async def _generate(settings: Settings, wanted: Wanted, given: argparse.Namespace) -> None:
    async with AsyncExitStack() as opened:
        places = await opened.enter_async_context(_places(settings, given.data is not None))
        bus = await connect(places.nats, name="generate")
        opened.push_async_callback(bus.close)
        await create_streams(bus)
        await opened.enter_async_context(kept_out(bus))
        codec = Codec(vault_of(bus, places))
        with _told(wanted.calls) as tell:
            asked = msgspec.structs.asdict(wanted)
            done = await generate(bus, **asked, codec=codec, progress=tell)
    _conclude(done, wanted, given)


@asynccontextmanager
async def _places(settings: Settings, may_start: bool) -> AsyncIterator[Places]:
    """The servers named or running; those of a data folder that was named are started."""
    if settings.nats or not may_start or running(settings.data):
        yield find(settings, "nats")
        return
    out.print(f"[dim]nothing runs on {settings.data}: its servers start for a while …[/dim]")
    async with embedded(settings.data) as addresses:
        yield of_stack(addresses, settings)


@contextmanager
def _told(calls: int) -> Iterator[Callable[[Generated], None]]:
    """A bar with the calls begun and the rate, during the block; to be told how far it is."""
    counted = TextColumn("{task.completed}/{task.total}")
    rate = TextColumn("{task.fields[rate]}")
    bar = Progress(
        TextColumn("calls"), BarColumn(), counted, rate, TimeElapsedColumn(), console=out
    )
    task = bar.add_task("calls", total=calls, rate="")
    with bar:
        yield lambda done: bar.update(task, completed=done.calls, rate=_rate(done))


def _rate(done: Generated) -> str:
    return f"{done.events / max(done.seconds, 1e-9):,.0f} events/s"


def _conclude(done: Generated, wanted: Wanted, given: argparse.Namespace) -> None:
    out.print(
        f"{done.calls:,} calls, {done.messages:,} messages, {done.events:,} events"
        f" in {done.seconds:.1f} s: {_rate(done)}"
    )
    until = datetime.fromtimestamp(wanted.until_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    again = f"--calls {wanted.calls} --seed {wanted.seed} --until {until} --days {wanted.days:g}"
    again += f" --distinct {wanted.distinct}" if wanted.distinct else ""
    again += f" --tenants {' '.join(wanted.tenants)}" if given.tenants else ""
    out.print(f"The same again: ./just generate {again}", soft_wrap=True)
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(done)) + b"\n")


if __name__ == "__main__":
    main()
