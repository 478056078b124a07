"""A server for tools on loopback: well-behaved, slow, broken or hostile, by address."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ToolServer:
    """Remembers each request's idempotency key and JSON."""

    def __init__(self) -> None:
        self.url = ""
        self.paths: list[str] = []
        self.keys: list[str] = []
        self.bodies: list[dict[str, object]] = []
        self.asked = asyncio.Event()

    def remembering(self, answer: Answer) -> Answer:
        async def remembered(request: web.Request) -> web.StreamResponse:
            self.paths.append(request.path)
            self.keys.append(request.headers["Idempotency-Key"])
            self.bodies.append(await request.json())
            self.asked.set()
            return await answer(request)

        return remembered


async def _good(request: web.Request) -> web.StreamResponse:
    return web.json_response({"number": "seven"})


async def _in_pieces(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for piece in (b'{"num', b'ber": "sev', b'en"}'):
        await response.write(piece)
        await asyncio.sleep(0.01)  # so that each arrives by itself
    return response


async def _broken(request: web.Request) -> web.StreamResponse:
    return web.json_response({"number": "seven"}, status=500)


async def _never(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


async def _huge(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b'{"number": "seven"}' + b" " * 70_000)


async def _elsewhere(request: web.Request) -> web.StreamResponse:
    raise web.HTTPTemporaryRedirect("/good")


async def _a_list(request: web.Request) -> web.StreamResponse:
    return web.json_response(["seven"])


async def _no_text(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b'{"number": "\xff"}')


async def _silence(request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


async def _cut_off(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def _ran(request: web.Request) -> web.StreamResponse:
    return web.json_response({"ran": True, "result": {"number": "eight"}})


async def _did_not_run(request: web.Request) -> web.StreamResponse:
    return web.json_response({"ran": False})


_PLACES: dict[str, Answer] = {
    "good": _good,
    "ran": _ran,
    "did-not-run": _did_not_run,
    "in-pieces": _in_pieces,
    "broken": _broken,
    "never": _never,
    "huge": _huge,
    "elsewhere": _elsewhere,
    "a-list": _a_list,
    "no-text": _no_text,
    "silence": _silence,
    "cut-off": _cut_off,
}


@asynccontextmanager
async def tool_server() -> AsyncIterator[ToolServer]:
    server = ToolServer()
    app = web.Application()
    for name, answer in _PLACES.items():
        app.router.add_post(f"/{name}", server.remembering(answer))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
