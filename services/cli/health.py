"""GET /healthz on the loopback, for those who watch a container."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def health(port: int, healthy: Callable[[], bool]) -> AsyncIterator[None]:
    """Answer 200 while `healthy()`, else 503. Port 0: nothing is served."""
    if not port:
        yield
        return

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"healthy": healthy()}, status=200 if healthy() else 503)

    app = web.Application()
    app.add_routes([web.get("/healthz", answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()
