"""Qdrant's REST API on loopback, as far as an index of knowledge needs it, as strict as the server.

What is sent is read by the client's own models of the API, which take no unknown field, and done by
the client's local mode, which answers as the server does but searches by going through all points.
Sources of the rules: [1] api.qdrant.tech, [2] qdrant.tech/documentation/guides/security,
[3] the client's models and paths (qdrant-client 1.20, http/api), generated from the server's own.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError
from qdrant_client import QdrantClient
from qdrant_client.http.models import (
    CreateCollection,
    PointRequest,
    PointsList,
    PointsSelector,
    QueryRequest,
    UpdateOperations,
    VectorNameConfig,
)
from vendors.serving import KEY, Refusal, serving

_DONE = {"operation_id": 1, "status": "completed"}


class QdrantServer:
    """Its `url` is the origin. `refusal` is the answer to what is in order, if set."""

    def __init__(self) -> None:
        self.url, self.key = "", KEY
        self.refusal: Refusal | None = None
        self.asked: list[str] = []  # methods and paths, in order
        self.violations: list[str] = []  # what the server would not have taken
        self.engine = QdrantClient(":memory:")

    def routes(self) -> list[web.RouteDef]:
        of_one = "/collections/{collection}"
        return [
            web.get("/collections", self._answering(self.collections)),
            web.get(f"{of_one}/exists", self._answering(self.exists)),
            web.get(of_one, self._answering(self.described)),
            web.put(of_one, self._answering(self.create)),
            web.delete(of_one, self._answering(self.delete)),
            web.put(f"{of_one}/vectors/{{name}}", self._answering(self.name_vector)),
            web.post(f"{of_one}/points", self._answering(self.retrieve)),
            web.put(f"{of_one}/points", self._answering(self.upsert)),
            web.post(f"{of_one}/points/delete", self._answering(self.delete_points)),
            web.post(f"{of_one}/points/batch", self._answering(self.update)),
            web.post(f"{of_one}/points/query", self._answering(self.query)),
        ]

    def collections(self, name: str, request: web.Request, body: bytes) -> Any:
        return self.engine.get_collections()

    def exists(self, name: str, request: web.Request, body: bytes) -> Any:
        return {"exists": self.engine.collection_exists(name)}

    def described(self, name: str, request: web.Request, body: bytes) -> Any:
        return self.engine.get_collection(self._there(name))

    def create(self, name: str, request: web.Request, body: bytes) -> Any:
        if self.engine.collection_exists(name):
            raise web.HTTPConflict(reason=f"Collection `{name}` already exists!")  # [1]
        wanted = _read(body, CreateCollection)
        self.engine.create_collection(
            name, vectors_config=wanted.vectors, sparse_vectors_config=wanted.sparse_vectors
        )
        return True

    def delete(self, name: str, request: web.Request, body: bytes) -> Any:
        return self.engine.delete_collection(name)

    def name_vector(self, name: str, request: web.Request, body: bytes) -> Any:
        config: Any = _read(body, VectorNameConfig)
        self.engine.create_vector_name(self._there(name), request.match_info["name"], config)
        return _DONE

    def retrieve(self, name: str, request: web.Request, body: bytes) -> Any:
        wanted = _read(body, PointRequest)
        payload = True if wanted.with_payload is None else wanted.with_payload
        vectors = wanted.with_vector or False
        return self.engine.retrieve(self._there(name), wanted.ids, payload, vectors)

    def upsert(self, name: str, request: web.Request, body: bytes) -> Any:
        self.engine.upsert(self._there(name), _read(body, PointsList).points)
        return _DONE

    def delete_points(self, name: str, request: web.Request, body: bytes) -> Any:
        selector: Any = _read(body, PointsSelector)
        self.engine.delete(self._there(name), selector)
        return _DONE

    def update(self, name: str, request: web.Request, body: bytes) -> Any:
        operations = _read(body, UpdateOperations).operations
        try:
            self.engine.batch_update_points(self._there(name), operations)
        except KeyError:
            raise web.HTTPNotFound(reason="Not found: no point with that id") from None
        return [_DONE for _ in operations]

    def query(self, name: str, request: web.Request, body: bytes) -> Any:
        asked = _read(body, QueryRequest)
        return self.engine.query_points(
            self._there(name),
            query=asked.query,
            prefetch=asked.prefetch,
            using=asked.using,
            limit=asked.limit or 10,
            query_filter=asked.filter,
            with_payload=asked.with_payload or False,
            score_threshold=asked.score_threshold,
        )

    def _there(self, name: str) -> str:
        if not self.engine.collection_exists(name):
            raise web.HTTPNotFound(reason=f"Not found: Collection `{name}` doesn't exist!")  # [1]
        return name

    def _answering(
        self, does: Callable[[str, web.Request, bytes], Any]
    ) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.Response:
            self.asked.append(f"{request.method} {request.path}")
            if request.headers.get("api-key") != self.key:  # [2]
                self.violations.append("api-key")
                return _error(401, "Must provide an API key or an Authorization bearer token")
            if self.refusal:
                return self.refusal.response()
            name = request.match_info.get("collection", "")
            try:
                result = does(name, request, await request.read())
            except web.HTTPException as expected:
                return _error(expected.status, expected.reason)
            except (ValidationError, ValueError) as wrong:
                self.violations.append(str(wrong))
                return _error(400, "Format error in JSON body")
            return web.json_response({"result": _plain(result), "status": "ok", "time": 0.001})

        return answer


@asynccontextmanager
async def qdrant_server() -> AsyncIterator[QdrantServer]:
    """A server for one test. Fails it at the end if something would have been rejected."""
    server = QdrantServer()
    async with serving(*server.routes()) as address:
        server.url = f"http://{address}"
        yield server
    server.engine.close()
    assert not server.violations, server.violations


def _read(body: bytes, kind: Any) -> Any:
    return TypeAdapter(kind).validate_json(body)


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"status": {"error": message}, "time": 0.0}, status=status)


def _plain(result: Any) -> Any:
    if isinstance(result, list):
        return [_plain(one) for one in result]
    return result.model_dump(mode="json") if isinstance(result, BaseModel) else result
