"""How fast the tables are made anew: python -m loadtest.rebuilding --events N --json FILE.

A log of made-up calls is written on servers of its own, all tables are made from it into an empty
database, and again, and compared row by row. Beside it stand what PostgreSQL takes by COPY in the
same run, and the projection runner of the library `eventsourcing`.
"""

import argparse
import asyncio
import logging
import os
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import msgspec
import nats.errors
from nats.js.errors import APIError

from contracts.journal import JournalUnavailable
from infra.embedded import AlreadyRunning, ChildFailed, MadeForOtherNodes
from infra.nats import BusUnavailable
from infra.postgres import PostgresUnavailable
from loadtest.generating.writing import NotWritten
from loadtest.rebuilding.bench import Wanted, measured
from loadtest.rebuilding.figures import Figures
from loadtest.rebuilding.live import FOR_S
from loadtest.rebuilding.log import OtherLog
from loadtest.rebuilding.once import NotRebuilt
from loadtest.rebuilding.peer import NoPeer
from loadtest.rebuilding.plot import plotted
from loadtest.rebuilding.table import series_of, table_of
from projections.compiled import CannotCompile, made
from services.cli.compiling import cache_of
from services.cli.settings import BadSetting, from_environment
from services.cli.terminal import err, fail, out, run

_EXPECTED: Final = (
    AlreadyRunning,
    BadSetting,
    BusUnavailable,
    ChildFailed,
    JournalUnavailable,
    MadeForOtherNodes,
    NoPeer,
    NotRebuilt,
    NotWritten,
    OtherLog,
    PostgresUnavailable,
)


def main() -> None:
    """The program. Exit code 1 when the tables differ or a call was parked."""
    given = _parser().parse_args()
    try:
        found = run(_measure(given), logging.getLevelName(logging.WARNING))
    except _EXPECTED as expected:
        fail(str(expected))
    except (nats.errors.Error, APIError, OSError) as away:
        fail(f"A server went away: {type(away).__name__}.")
    except KeyboardInterrupt:
        fail("Stopped.", 130)
    _conclude(found, given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest.rebuilding", description=__doc__)
    parser.add_argument(
        *("--events", "-n"), type=_positive, nargs="+", default=[1_000_000], help="in the log"
    )
    parser.add_argument(
        "--workers", type=_positive, nargs="+", default=[os.cpu_count() or 1], help="processes"
    )
    parser.add_argument("--data", type=Path, help="keep the log there, or use the one there")
    parser.add_argument("--plain", action="store_true", help="a log that is not sealed")
    parser.add_argument("--distinct", type=_positive, default=2_000, help="calls made up")
    parser.add_argument(
        "--peer-events", type=_natural, default=5_000, help="for the peer; 0: without it"
    )
    parser.add_argument(
        "--interpreted", action="store_true", help="without machine code, see 'partyline compile'"
    )
    parser.add_argument("--live", action="store_true", help="measure stored to visible, too")
    parser.add_argument("--live-seconds", type=float, default=FOR_S)
    parser.add_argument("--plot", type=Path, help="draw events/s there, as SVG")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return int(text)


def _natural(text: str) -> int:
    if not text.isdecimal() or int(text) < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return int(text)


async def _measure(given: argparse.Namespace) -> Figures:
    wanted = Wanted(
        events=tuple(given.events),
        workers=tuple(given.workers),
        sealed=not given.plain,
        distinct=given.distinct,
        peer_events=given.peer_events,
        live_s=given.live_seconds if given.live else 0.0,
        compiled=None if given.interpreted else await _compiled(),
    )
    own = (
        nullcontext(given.data) if given.data else tempfile.TemporaryDirectory(prefix="partyline-")
    )
    with own as folder, err.status("starting servers") as status:
        return await measured(Path(folder), wanted, status.update)


async def _compiled() -> Path | None:
    """Where machine code is kept, made if it can be; one line says what came of it."""
    cache = cache_of(from_environment())
    try:
        with err.status("compiling"):
            took_s = (await asyncio.to_thread(made, cache)).took_s
    except CannotCompile as why:
        err.print(f"Interpreted. {why}", soft_wrap=True)
        return None
    err.print(f"Compiled in {took_s:.0f} s." if took_s else "Compiled before.")
    return cache


def _conclude(found: Figures, given: argparse.Namespace) -> None:
    out.print(series_of(found))
    out.print(table_of(found))
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    if given.plot:
        given.plot.write_text(plotted(found), "utf-8")
    if not found.equal:
        fail("The tables of two rebuilds differ.")
    if found.parked:
        fail(f"{found.parked} calls were parked, of which no projection may park any.")


if __name__ == "__main__":
    main()
