"""How long a question takes to its passages: `.venv/bin/python tests/rag/measure_answers.py`.

From before the question is appended to the republished answer's arrival, one question at a time,
on a nats-server of its own that syncs each append to disk.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from rag_town import Town, example_documents, markdown

from contracts.passages import PassagesFound
from infra.data_folder import make_folders
from infra.nats import connect, create_streams
from infra.nats_server import NatsServer

QUESTIONS = (
    "when are you open on saturday",
    "how much does a check up cost",
    "can i pay by card",
    "what should i do about tooth pain",
)
ASKED = 400


async def main(folder: Path) -> None:
    server = NatsServer(make_folders(folder / "data"), "secret")
    await server.start()
    bus = await connect(server.url, name="measure")
    await create_streams(bus)
    town = Town(bus, server.url, folder)
    store = await town.open_store()
    async with town.rag(store) as rag:
        for document in example_documents():
            sequence = await town.publish(document)
        await rag.indexed(sequence)
        await measure(town, 50)
        print("17 pieces:", await measure(town, ASKED))
        began_s = time.perf_counter()
        for number in range(50):
            sequence = await town.publish(markdown(f"doc{number}", twenty_sections(number)))
        await rag.indexed(sequence)
        print(f"1,000 more pieces in 50 documents indexed in {time.perf_counter() - began_s:.1f} s")
        print("1,017 pieces:", await measure(town, ASKED))
    await store.close()
    await bus.close()
    await server.stop()


def twenty_sections(number: int) -> str:
    def sentence(section: int, place: int) -> str:
        rare = (number * 37 + section * 7 + place * 13) % 900
        return f"The word{rare} of saturday number{section} costs an open card{place}."

    return "\n\n".join(
        f"## Topic {section}\n\n" + " ".join(sentence(section, place) for place in range(5))
        for section in range(20)
    )


async def measure(town: Town, asked: int) -> str:
    arrived: asyncio.Queue[object] = asyncio.Queue()
    subscription = await town.bus.nc.subscribe("live.call.*.*.passages", cb=arrived.put)
    whole_ms, search_ms = [], []
    for number in range(asked):
        began_s = time.perf_counter()
        await town.wonder(QUESTIONS[number % len(QUESTIONS)])
        message = await arrived.get()
        whole_ms.append((time.perf_counter() - began_s) * 1000)
        [answer] = (await town.journal.recorded(message)).message.events  # type: ignore[arg-type]
        assert isinstance(answer, PassagesFound)
        search_ms.append(answer.took_ms)
    await subscription.unsubscribe()
    return f"question to answer {quantiles(whole_ms)}; of that the search {quantiles(search_ms)}"


def quantiles(values_ms: list[float]) -> str:
    ordered = sorted(values_ms)
    return (
        f"p50 {ordered[len(ordered) // 2]:.1f} ms, p99 {ordered[len(ordered) * 99 // 100]:.1f} ms"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(uvloop.run(main(Path(temporary))))
