"""An embedded stack in a process of its own, for tests that end that process.

python stack_in_a_process.py DATA asyncio|uvloop. Prints a line when it is ready.
"""

import asyncio
import sys
from pathlib import Path

import uvloop

from infra.embedded import embedded
from infra.stopping import until_signalled


async def main(data: Path) -> None:
    with until_signalled():
        async with embedded(data):
            print("ready", flush=True)
            await asyncio.Event().wait()
    print("stopped", flush=True)


if __name__ == "__main__":
    run = uvloop.run if sys.argv[2] == "uvloop" else asyncio.run
    run(main(Path(sys.argv[1])))
