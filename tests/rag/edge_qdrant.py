"""Qdrant's own engine behind its REST API on loopback, in a process of its own.

python edge_qdrant.py PIECES: makes the knowledge, prints the address, serves until stdin ends. The
engine is qdrant-edge (`pip install qdrant-edge-py`): the server's segments and indexes as a
library, HNSW included. The HTTP around it is ours, so only searches are like the real server's.
"""

import asyncio
import sys
import tempfile
from typing import Any

import qdrant_edge as edge
from aiohttp import web
from made_knowledge import SHELF, SIZE, SPACE, pieces
from qdrant_client import models
from vendors.qdrant import QdrantServer
from vendors.serving import serving

from services.rag.embed import Bm25
from services.rag.stores.qdrant_points import payload_of, point_id, vector_name

COLLECTION = f"knowledge.{SHELF.tenant}.{SHELF.agent}"
NAME = vector_name(SPACE)
_AT_ONCE = 500
_BM25 = Bm25()


class EdgeQdrant(QdrantServer):
    """Answers queries from a shard on disk."""

    def __init__(self, folder: str, count: int) -> None:
        super().__init__()
        size = models.VectorParams(size=SIZE, distance=models.Distance.COSINE)
        words = models.SparseVectorParams(modifier=models.Modifier.IDF)
        self.engine.create_collection(
            COLLECTION, vectors_config={NAME: size}, sparse_vectors_config={_BM25.name: words}
        )
        self._shard = _shard(folder, count)

    def query(self, name: str, request: web.Request, body: bytes) -> Any:
        asked = models.QueryRequest.model_validate_json(body)
        prefetches: Any = asked.prefetch or []
        query: Any = edge.Fusion.Rrf(k=2) if prefetches else _nearest(asked.query, asked.using)
        found = self._shard.query(
            edge.QueryRequest(
                limit=asked.limit or 10,
                query=query,
                prefetches=[_prefetch(one) for one in prefetches] or None,
                with_payload=True,
            )
        )
        points = [
            {"id": str(one.id), "version": 0, "score": one.score, "payload": one.payload}
            for one in found
        ]
        return {"points": points}


def _prefetch(asked: Any) -> Any:
    return edge.Prefetch(
        limit=asked.limit,
        query=_nearest(asked.query, asked.using),
        score_threshold=asked.score_threshold,
    )


def _nearest(query: Any, using: Any) -> Any:
    query = query.nearest if isinstance(query, models.NearestQuery) else query
    if isinstance(query, models.SparseVector):
        query = edge.SparseVector(query.indices, query.values)
    return edge.Query.Nearest(query, using)


def _shard(folder: str, count: int) -> Any:
    shard = edge.EdgeShard.create(
        folder,
        edge.EdgeConfig(
            vectors={NAME: edge.EdgeVectorParams(SIZE, edge.Distance.Cosine)},
            sparse_vectors={_BM25.name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        ),
    )
    points: list[Any] = []
    for made in pieces(count):
        [words] = _BM25.passages([made.piece.whole])
        vectors = {NAME: made.vector, _BM25.name: edge.SparseVector(words.indices, words.values)}
        payload = payload_of(made.document, made.chunk, made.piece)
        points.append(edge.Point(point_id(made.document, made.chunk), vectors, payload))
        if len(points) == _AT_ONCE:
            shard.update(edge.UpdateOperation.upsert_points(points))
            points = []
    if points:
        shard.update(edge.UpdateOperation.upsert_points(points))
    shard.optimize()
    return shard


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = EdgeQdrant(folder, count)
        async with serving(*server.routes()) as address:
            print(f"http://{address} {server.key}", flush=True)
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
