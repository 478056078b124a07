"""The practice's appointment book: what the example agent's tool talks to.

POST /bookings takes the tool's JSON and answers with a booking number; the same Idempotency-Key
again gets the same booking. GET /bookings lists them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class Diary:
    """Bookings by idempotency key, and how often each was asked for."""

    def __init__(self) -> None:
        self.bookings: dict[str, dict[str, Any]] = {}
        self.requests = 0

    async def book(self, request: web.Request) -> web.Response:
        """Enter a booking once."""
        self.requests += 1
        key = request.headers.get("Idempotency-Key", "")
        try:
            asked = msgspec.json.decode(await request.read(), type=dict[str, Any])
        except msgspec.DecodeError:
            return web.json_response({"error": "not a JSON object"}, status=400)
        if key not in self.bookings:
            number = len(self.bookings)
            spoken = _NUMBERS[number] if number < len(_NUMBERS) else str(number + 1)
            self.bookings[key] = {**asked.get("arguments", {}), "number": spoken}
        return web.json_response(self.bookings[key])

    async def list(self, request: web.Request) -> web.Response:
        """All bookings so far."""
        return web.json_response(list(self.bookings.values()))


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    """On the wanted port, or on any other when somebody has taken that one."""
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await web.TCPSite(runner, host, 0).start()


@asynccontextmanager
async def diary(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[tuple[Diary, str]]:
    """The book, served while the context lasts, and its address."""
    book = Diary()
    app = web.Application()
    app.add_routes([web.post("/bookings", book.book), web.get("/bookings", book.list)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        bound = runner.addresses[0][1]
        yield book, f"http://{host}:{bound}"
    finally:
        await runner.cleanup()
