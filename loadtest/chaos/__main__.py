"""The chaos suite: python -m loadtest.chaos --seed N --minutes M [--calls 10] [--json FILE]."""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console

from loadtest.chaos.faults import KINDS
from loadtest.chaos.report import show
from loadtest.chaos.run import Plan, run
from loadtest.chaos.town import names


def main() -> None:
    """The program. Exit code 1 when anything was lost, doubled or does not add up."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(100_000))
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--calls", type=int, default=10, help="at a time")
    parser.add_argument("--nats-nodes", type=int, choices=(1, 3), default=1)
    parser.add_argument(
        "--without", nargs="*", type=named, default=[], help="faults to leave out: KIND, KIND:CREW"
    )
    parser.add_argument(
        "--only", nargs="*", type=named, default=[], help="these alone: nats, restart:voice, ..."
    )
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--data", type=Path, help="keep everything there")
    given = parser.parse_args()
    data = given.data or Path(tempfile.mkdtemp(prefix="partyline-chaos-"))
    data.mkdir(parents=True, exist_ok=True)
    console = Console()
    plan = Plan(
        seed=given.seed,
        minutes=given.minutes,
        calls=given.calls,
        nats_nodes=given.nats_nodes,
        without=frozenset(given.without),
        only=tuple(given.only),
    )
    result = uvloop.run(run(data, plan))
    show(result, console)
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(result.figures())) + b"\n")
    (data / "result.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)))
    if not result.ok:
        again = f"--seed {given.seed} --minutes {given.minutes:g} --calls {given.calls}"
        again += f" --nats-nodes {given.nats_nodes}"
        again += f" --without {' '.join(given.without)}" if given.without else ""
        again += f" --only {' '.join(given.only)}" if given.only else ""
        console.print(f"All is kept in {data}. Again: ./just chaos {again}", soft_wrap=True)
        sys.exit(1)
    if not given.data:
        shutil.rmtree(data)


def named(text: str) -> str:
    """A kind of faults, or that of one crew. Raises argparse.ArgumentTypeError."""
    kind, _, crew = text.partition(":")
    crews = sorted({name.rpartition("-")[0] for name in names()})
    if kind in KINDS and (not crew or crew in crews):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is no fault: say {', '.join(KINDS)}, or one of them with a crew behind a colon"
        f" ({', '.join(crews)})"
    )


if __name__ == "__main__":
    main()
