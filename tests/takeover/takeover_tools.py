"""A tool server that takes its time, and remembers who asked for what, and when."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class ToolServer:
    """Runs each use of a tool by its key. `ran`: requests of each key, and their times."""

    def __init__(self, takes_s: float) -> None:
        self.url = ""
        self.ran: dict[str, list[float]] = defaultdict(list)  # UNIX time in milliseconds
        self.checked: dict[str, list[float]] = defaultdict(list)  # the same of `check`
        self._takes_s = takes_s
        self._asked: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def asked(self, call: str, times: int) -> None:
        """Wait for a call's n-th use of a tool to arrive."""
        await self._asked[f"{call}:run-{times}"].wait()

    async def run(self, request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        self.ran[key].append(time.time() * 1000)
        self._asked[key].set()
        await asyncio.sleep(self._takes_s)
        return web.json_response({"number": "seven"})

    async def check(self, request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        self.checked[key].append(time.time() * 1000)
        return web.json_response({"ran": key in self.ran, "result": {"number": "seven"}})

    def stale(self, key: str, called_ms: float, claimed_ms: list[float]) -> bool:
        """Whether a use was requested by one who had lost the call, by the times in the log.

        A successor runs what was called before its time only after it asked, so a request after a
        claim with no question in between came from somebody earlier.
        """
        claims = [claim for claim in claimed_ms if claim > called_ms]
        return any(
            not any(claim < asked < ran for asked in self.checked[key])
            for ran in self.ran[key]
            for claim in [max((c for c in claims if c < ran), default=0.0)]
            if claim
        )

    @property
    def twice(self) -> list[str]:
        """Keys of what was run more than once."""
        return [key for key, times in self.ran.items() if len(times) > 1]


@asynccontextmanager
async def tool_server(takes_s: float) -> AsyncIterator[ToolServer]:
    server = ToolServer(takes_s)
    app = web.Application()
    app.router.add_post("/run", server.run)
    app.router.add_post("/check", server.check)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
