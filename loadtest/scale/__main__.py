"""Scale: python -m loadtest.scale [--calls N ...] [--drive N] [--json FILE]."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop
from rich.console import Console

from contracts.journal import JournalUnavailable
from infra.children import ChildFailed
from loadtest.scale.drive import drive
from loadtest.scale.idle import NotTaken
from loadtest.scale.measured import FILE, read
from loadtest.scale.model import needs
from loadtest.scale.table import needed, reached
from loadtest.scale.walls import group_calls, room_for, walls
from services.cli.fleet import NotServing

_WITHIN_S: Final = 3.0  # design: a takeover at worst
_CALLS: Final = (1_000, 10_000, 100_000)
_out: Final = Console()
_err: Final = Console(stderr=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="just scale",
        description="What many calls need, by a model of measured figures, and what is full first.",
    )
    parser.add_argument("--calls", type=int, nargs="+", default=_CALLS, help="at a time")
    parser.add_argument("--figures", type=Path, default=FILE, help="others than measured.toml")
    parser.add_argument(
        "--drive", type=int, metavar="N", help="measure N idle calls on real servers instead"
    )
    parser.add_argument("--json", type=Path, help="write what is found there")
    return parser


def _modelled(given: argparse.Namespace) -> dict[str, Any]:
    known = read(given.figures)
    found, full = [needs(known, calls) for calls in given.calls], walls(known)
    _out.print(needed(found))
    _out.print(f"In brackets: processes. A group holds {group_calls(known):,.0f} calls.")
    _out.print(reached(full))
    few, more = room_for(known, _WITHIN_S, 1), room_for(known, _WITHIN_S, 4)
    _out.print(
        f"A process of STT or dialog that dies is followed within {_WITHIN_S:g} s when it had"
        f" {few:,} calls for each of those that are left: with four, PARTYLINE_ROOM={more}."
    )
    _out.print("* extrapolated from what one costs; the others were seen or are fixed numbers.")
    return {"needs": found, "group_calls": group_calls(known), "walls": full, "figures": known}


def main() -> None:
    """The program. Exit code 2: what was to be driven did not run."""
    given = _parser().parse_args()
    try:
        if given.drive:
            with _err.status(f"{given.drive} idle calls, then single servers: some minutes"):
                found: Any = uvloop.run(drive(given.drive))
            _out.print_json(msgspec.json.encode(found).decode())
        else:
            found = _modelled(given)
    except (ChildFailed, NotServing, NotTaken, JournalUnavailable, TimeoutError) as failed:
        _err.print(f"{type(failed).__name__}: {failed}", markup=False)
        sys.exit(2)
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")


if __name__ == "__main__":
    main()
