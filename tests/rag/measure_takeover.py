"""How long a question waits when its worker dies.

`PYTHONPATH=.:tests .venv/bin/python tests/rag/measure_takeover.py`.
Two workers; the one that is a process of its own is killed (kill -9) while it searches. Counted
from there, and from the question's being stored, to the arrival of the other one's answer. Checks
each time that one answer is stored. `--json FILE` writes every figure.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from pathlib import Path

from rag_town import Town, WorkerProcess, example_documents

from contracts.ids import CallId
from contracts.recorded import PassagesEvent
from infra.data_folder import make_folders
from infra.nats import connect, create_streams
from infra.nats_server import NatsServer

QUESTION = "can i pay by card"


async def main(folder: Path, kills: int, redeliver_s: float) -> dict[str, list[float]]:
    server = NatsServer(make_folders(folder / "data"), "secret")
    await server.start()
    bus = await connect(server.url, name="measure")
    await create_streams(bus)
    town = Town(bus, server.url, folder)
    for document in example_documents():
        await town.publish(document)
    store = await town.open_store()
    figures: dict[str, list[float]] = {"kill_to_answer_ms": [], "question_to_answer_ms": []}
    async with town.rag(store, redeliver_s=redeliver_s):
        for _ in range(kills):
            async with town.worker_process(hangs="search", redeliver_s=redeliver_s) as worker:
                call, answer, asked_s = await searching(town, worker)
                await asyncio.sleep(random.uniform(0.0, 0.2))
                worker.process.kill()
                killed_s = time.monotonic()
                await answer
                answered_s = time.monotonic()
            assert len(await town.answers(call)) == 1
            figures["kill_to_answer_ms"].append((answered_s - killed_s) * 1000)
            figures["question_to_answer_ms"].append((answered_s - asked_s) * 1000)
    await store.close()
    await bus.close()
    await server.stop()
    return figures


async def searching(
    town: Town, worker: WorkerProcess
) -> tuple[CallId, asyncio.Task[PassagesEvent], float]:
    """A question that the process has, its answer, and when it was asked.

    The other worker answers those it is given.
    """
    there = asyncio.create_task(worker.there())
    while True:
        asked_s = time.monotonic()
        call = await town.wonder(QUESTION)
        answer = asyncio.create_task(town.answer(call))
        await asyncio.wait({there, answer}, return_when=asyncio.FIRST_COMPLETED)
        if there.done():
            return call, answer, asked_s


def quantiles(values_ms: list[float]) -> str:
    ordered = sorted(values_ms)
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {ordered[-1]:.0f} ms of {len(ordered)}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--redeliver", type=float, default=0.5, help="seconds of silence")
    parser.add_argument("--json", type=Path)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        measured = asyncio.run(main(Path(temporary), told.kills, told.redeliver))
    for name, values in measured.items():
        print(f"{name.replace('_', ' ')}: {quantiles(values)}")
    if told.json:
        told.json.write_text(json.dumps(vars(told) | measured, default=str, indent=1))
