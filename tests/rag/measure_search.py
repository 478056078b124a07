"""How long a search takes: `./just measure-search`.

From the question to the five best passages, one at a time, by words alone, by words and meaning,
and from memory. The question's vector is given: what an embedding takes is its provider's. Over

- local mode: the client's own search through all points, in this process;
- server: our client over REST on loopback to another process, in which Qdrant's own engine searches
  (edge_qdrant.py). Only where qdrant-edge is installed: `uv pip install qdrant-edge-py`.
"""

import argparse
import asyncio
import importlib.util
import os
import sys
import time
import warnings
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import uvloop
from made_knowledge import SHELF, SPACE, Question, pieces, questions

from services.rag.counts import Counts
from services.rag.embed import Bm25
from services.rag.find import Finder
from services.rag.meaning import Meaning
from services.rag.provider import Capabilities, Vector
from services.rag.store import Store
from services.rag.stores.qdrant import QdrantStore, connect_server
from services.rag.stores.qdrant_index import Index
from services.rag.stores.qdrant_points import payload_of, point, point_id, sparse, vector_name

LEAST = 0.35
LIMIT = 5


class Figure(msgspec.Struct, kw_only=True):
    """One row: milliseconds."""

    where: str
    pieces: int
    how: str
    searches: int
    p50_ms: float
    p99_ms: float


class Known:
    """An embedding that knows the questions' places already."""

    name, space, capabilities = "made-up", SPACE, Capabilities(batch=1)

    def __init__(self, asked: Sequence[Question]) -> None:
        self._places = {one.text: one.meaning for one in asked}

    async def question(self, text: str) -> Vector:
        return self._places[text]

    async def passages(self, texts: Sequence[str]) -> list[Vector]:
        raise NotImplementedError

    async def close(self) -> None: ...


@asynccontextmanager
async def local(count: int) -> AsyncIterator[Store]:
    """Local mode, filled without its folder: what it searches is in memory all the same."""
    from qdrant_client import QdrantClient, models

    threads = ThreadPoolExecutor(1)
    client, words = QdrantClient(":memory:"), Bm25()
    size = models.VectorParams(size=384, distance=models.Distance.COSINE)
    idf = models.SparseVectorParams(modifier=models.Modifier.IDF)
    collection = f"knowledge.{SHELF.tenant}.{SHELF.agent}"
    client.create_collection(
        collection,
        vectors_config={vector_name(SPACE): size},
        sparse_vectors_config={words.name: idf},
    )
    made = []
    for one in pieces(count):
        payload = payload_of(one.document, one.chunk, one.piece)
        made.append(point(point_id(one.document, one.chunk), payload))
        [said] = words.passages([one.piece.whole])
        made[-1].vector = {vector_name(SPACE): one.vector, words.name: sparse(said)}
    client.upsert(collection, made)
    store = QdrantStore(client, threads, Index(client, words, SPACE, LEAST))
    yield store
    await store.close()


@asynccontextmanager
async def server(count: int) -> AsyncIterator[Store]:
    """A server in another process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).with_name("edge_qdrant.py")), str(count)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    url, key = (await process.stdout.readline()).decode().split()
    store = await connect_server(url, Bm25(), SPACE, api_key=key, least=LEAST)
    yield store
    await store.close()
    await process.communicate(b"")  # its end of input is the end of the server


async def measured(
    store: Store, asked: Sequence[Question], meaning: bool, remembered: bool
) -> list[float]:
    """Milliseconds of each search, in order."""
    counts = Counts()
    known = Meaning(Known(asked), counts, question_ms=1_000, remembered=len(asked))
    finder = Finder(store, counts, known if meaning else None, remembered=len(asked))
    took_ms: list[float] = []
    for _ in range(2 if remembered else 1):
        took_ms.clear()
        for one in asked:
            began_s = time.perf_counter()
            await finder.find(SHELF, one.text, LIMIT)
            took_ms.append((time.perf_counter() - began_s) * 1_000)
    assert counts.remembered == (len(asked) if remembered else 0)
    assert counts.words_only == 0
    return took_ms


STORES = {"local mode": local, "server": server}
WAYS = {"words": (False, False), "words and meaning": (True, False), "from memory": (True, True)}


async def figures(where: str, count: int, searches: int) -> list[Figure]:
    asked = questions(searches + 20, [one.vector for one in pieces(min(count, 500))])
    rows = []
    async with STORES[where](count) as store:
        for how, (meaning, remembered) in WAYS.items():
            await measured(store, asked[:20], meaning, False)  # connections, imports
            took_ms = sorted(await measured(store, asked[20:], meaning, remembered))
            row = Figure(
                where=where,
                pieces=count,
                how=how,
                searches=searches,
                p50_ms=round(took_ms[len(took_ms) // 2], 3),
                p99_ms=round(took_ms[len(took_ms) * 99 // 100], 3),
            )
            print(
                f"{where:<12}{count:>8,}  {how:<20}{row.p50_ms:>10.3f}{row.p99_ms:>10.3f}",
                flush=True,
            )
            rows.append(row)
    return rows


async def main(places: list[str], counts: Sequence[int], searches: int) -> list[Figure]:
    if "server" in places and not importlib.util.find_spec("qdrant_edge"):
        places.remove("server")
        print("qdrant-edge is not installed: no figures of a server")
    print(f"{os.cpu_count()} cores, of which others keep {os.getloadavg()[0]:.1f} busy")
    print(f"{'where':<12}{'pieces':>8}  {'how':<20}{'p50 ms':>10}{'p99 ms':>10}")
    return [row for where in places for n in counts for row in await figures(where, n, searches)]


if __name__ == "__main__":
    warnings.simplefilter("ignore", UserWarning)  # the client's, on size and on keys over HTTP
    options = argparse.ArgumentParser()
    options.add_argument("--only", choices=STORES)
    options.add_argument("--pieces", type=int, nargs="+", default=[1_000, 20_000])
    options.add_argument("--searches", type=int, default=300)
    options.add_argument("--json", type=Path)
    told = options.parse_args()
    places = [told.only] if told.only else list(STORES)
    taken = uvloop.run(main(places, told.pieces, told.searches))
    if told.json:
        told.json.write_bytes(msgspec.json.format(msgspec.json.encode(taken)))
