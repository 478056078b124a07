"""How long a sentence pauses when its worker dies.

`PYTHONPATH=.:tests .venv/bin/python tests/tts/measure_takeover.py`.
Two workers at work, each a process. The one that speaks is killed (kill -9) somewhere in its
sentence; from there it is counted to the first sound of that sentence by the other one, and to the
first sound that was not heard before: the other begins at the beginning. The voice gives 100 ms of
sound every 10 ms. Checks each time that the caller hears the sentence whole and once, and that one
outcome is stored. `--json FILE` writes every figure.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from exchange import Exchange, Process, sentence
from voices import recited

from contracts.ids import new_call_id
from infra.data_folder import make_folders
from infra.nats import connect, create_streams
from infra.nats_server import NatsServer
from services.audio.frames import AgentChunk

TEXT = (
    "We are open from nine in the morning until five in the afternoon, and on Saturday until one."
)
SETUP = {"piece_bytes": 800, "pause_s": 0.01, "tells": True}


class Watched(Exchange):
    """An exchange that notes when each chunk came."""

    async def ring(self) -> None:
        """Another call."""
        self.call = new_call_id()
        self.chunks = Stamped()
        await self.listen()


class Stamped(list[AgentChunk]):
    """Chunks, and when they came, on the monotonic clock."""

    def __init__(self) -> None:
        super().__init__()
        self.at_s: list[float] = []

    def append(self, chunk: AgentChunk) -> None:
        super().append(chunk)
        self.at_s.append(time.monotonic())


async def main(folder: Path, kills: int, redeliver_s: float) -> dict[str, list[float]]:
    server = NatsServer(make_folders(folder / "data"), "secret")
    await server.start()
    bus = await connect(server.url, name="measure")
    await create_streams(bus)
    exchange = Watched(bus, server)
    figures: dict[str, list[float]] = {"to_sound_ms": [], "to_new_sound_ms": []}
    async with AsyncExitStack() as stack:

        async def worker() -> Process:
            process = exchange.worker_process(**SETUP, redeliver_s=redeliver_s)
            return await stack.enter_async_context(process)

        workers = [await worker(), await worker()]
        for _ in range(kills):
            speaking = await begun(exchange, workers)
            heard_bytes, killed_s = await killed(exchange, speaking)
            workers.remove(speaking)
            workers.append(await worker())
            await exchange.outcomes(1)
            await exchange.settled()
            note(exchange, heard_bytes, killed_s, figures)
            await drained(workers)
    await bus.close()
    await server.stop()
    return figures


async def begun(exchange: Watched, workers: list[Process]) -> Process:
    """The worker that speaks the sentence of a new call."""
    await exchange.ring()
    await exchange.write(sentence(TEXT, provider="reciting"))
    asked = {asyncio.create_task(says_that_it_speaks(worker)): worker for worker in workers}
    done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return asked[done.pop()]


async def says_that_it_speaks(worker: Process) -> None:
    assert worker.stdout is not None
    while await worker.stdout.readline() != b"speaks\n":
        pass


async def killed(exchange: Watched, worker: Process) -> tuple[int, float]:
    """What had been heard by then, in bytes, and when it was."""
    await exchange.heard(1)
    await asyncio.sleep(random.uniform(0.0, 0.7))
    worker.kill()
    killed_s = time.monotonic()
    await worker.wait()
    return len(exchange.played()), killed_s


async def drained(workers: list[Process]) -> None:
    """What the workers said meanwhile is of no interest."""
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout._buffer.clear()  # type: ignore[attr-defined]


def note(
    exchange: Watched, heard_bytes: int, killed_s: float, figures: dict[str, list[float]]
) -> None:
    assert exchange.played() == recited(TEXT), "the sentence was not heard whole and once"
    chunks = exchange.chunks
    assert isinstance(chunks, Stamped)
    again = max(at for at, chunk in enumerate(chunks) if chunk.start_bytes == 0)
    new = next(
        at
        for at, chunk in enumerate(chunks)
        if at >= again and chunk.start_bytes + len(chunk.mulaw) > heard_bytes
    )
    assert again > 0, "it was killed before it spoke"
    figures["to_sound_ms"].append((chunks.at_s[again] - killed_s) * 1000)
    figures["to_new_sound_ms"].append((chunks.at_s[new] - killed_s) * 1000)


def quantiles(values_ms: list[float]) -> str:
    ordered = sorted(values_ms)
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {ordered[-1]:.0f} ms of {len(ordered)}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--redeliver", type=float, default=1.0, help="seconds of silence")
    parser.add_argument("--json", type=Path)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        measured = asyncio.run(main(Path(temporary), told.kills, told.redeliver))
    for name, values in measured.items():
        print(f"kill -9 {name.replace('_', ' ')}: {quantiles(values)}")
    if told.json:
        told.json.write_text(json.dumps(vars(told) | measured, default=str, indent=1))
    sys.exit(0)
