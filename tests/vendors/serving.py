"""A vendor's place on loopback: a real socket, a key, faults on demand, and what was received."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "sk-loopback-3f9c1d"  # the only key the servers take
DEADLINE_S = 5.0  # of every wait of a script


@dataclass
class Refusal:
    """An answer instead of the service: `body` is sent as JSON, or as it is when bytes."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        if isinstance(self.body, bytes):
            return web.Response(status=self.status, body=self.body, headers=self.headers)
        return web.json_response(self.body, status=self.status, headers=self.headers)


class Rejected(Exception):
    """The request is one that the real vendor would not take."""

    def __init__(self, reason: str, refusal: Refusal) -> None:
        super().__init__(reason)
        self.refusal = refusal


class Received:
    """Something that grows while others wait for it."""

    def __init__(self) -> None:
        self._grown = asyncio.Condition()

    async def grew(self) -> None:
        async with self._grown:
            self._grown.notify_all()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S), self._grown:
            await self._grown.wait_for(holds)


async def json_body(request: web.Request, refused: Callable[[str], Rejected]) -> dict[str, Any]:
    """The body as an object, or the vendor's rejection."""
    if request.content_type != "application/json":
        raise refused("the body is not declared as JSON")
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise refused("the body is not JSON") from None
    if not isinstance(body, dict):
        raise refused("the body is not an object")
    return body


def break_off(request: web.Request) -> None:
    """Cut the connection as a crash would: no end of the answer, a reset for the peer."""
    assert request.transport is not None
    request.transport.abort()


@asynccontextmanager
async def serving(*routes: web.RouteDef) -> AsyncIterator[str]:
    """`host:port` of a server with these routes. Handlers end when their client goes."""
    app = web.Application(client_max_size=1 << 20)
    app.add_routes(routes)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def another_host() -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """`host:port` of somebody else, and the headers of all requests that went there."""
    came: list[dict[str, str]] = []

    async def take(request: web.Request) -> web.Response:
        came.append(dict(request.headers))
        return web.Response(status=400)

    async with serving(web.route("*", "/{path:.*}", take)) as address:
        yield address, came
