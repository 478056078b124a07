"""How much longer a caller waits when the first provider of a port fails in mid-turn.

    PYTHONPATH=.:tests:tests/dialog .venv/bin/python tests/providers/measure_failover.py

The vendors' own SDKs talk to the strict vendors on loopback, which answer at once, so the wait is
ours and the time-out's alone. Each turn meets the failure anew: breakers are fresh. The extra wait
is to the first result (the first sentence, the first sound, the turn's words), less the median of
turns in which nothing fails; for what fails amid an answer, it is the gap in it.
"""

import argparse
import asyncio
import json
import logging
from pathlib import Path

from failover_ears import of_ears
from failover_figures import WAIT_MS, Measured
from failover_models import of_models
from failover_voices import of_voices


async def of_all(turns: int) -> list[Measured]:
    return [*await of_ears(turns), *await of_models(turns), *await of_voices(turns)]


def main(turns: int, file: Path | None) -> None:
    logging.disable(logging.ERROR)  # that the vendors fail is what is wanted
    found = asyncio.run(of_all(turns))
    print(f"{turns} turns each; time-outs of {WAIT_MS} ms; extra wait in ms")
    print("port failure                    time-out        p50        p99  p99 less time-out")
    for each in found:
        print(each.row)
    if file:
        rows = [each._asdict() for each in found]
        file.write_text(json.dumps({"turns": turns, "extra_wait": rows}, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    main(given.turns, given.json)
