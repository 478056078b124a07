"""A strict vendor: takes only what the real one takes, refuses on demand, keeps what it got."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from aiohttp import web
from vendors.serving import KEY, Received, Refusal, Rejected, break_off, serving


class Exchange(Received):
    """One request, and the script's means to answer it piece by piece."""

    content_type = "application/octet-stream"

    def __init__(self, request: web.Request, body: dict[str, Any], content_type: str = "") -> None:
        """`content_type`: of this answer; empty: that of all."""
        super().__init__()
        self.query, self.headers, self.body = request.query, request.headers, body
        self.left = False  # the client went before the answer was complete
        self._request = request
        self._response = web.StreamResponse(
            headers={"Content-Type": content_type or self.content_type}
        )

    async def begin(self) -> None:
        await self._response.prepare(self._request)

    async def raw(self, piece: bytes) -> None:
        await self._response.write(piece)

    async def gone(self) -> None:
        """Wait until the client has left."""
        await self.until(lambda: self.left)

    def break_off(self) -> None:
        break_off(self._request)

    async def end(self) -> web.StreamResponse:
        await self._response.write_eof()
        return self._response


Accepted = TypeVar("Accepted")
Exchanged = TypeVar("Exchanged", bound=Exchange)
OneVendor = TypeVar("OneVendor", bound="Vendor[Any]")


class Vendor(ABC, Generic[Accepted]):
    """Checks each request, then refuses it if told to by `refusal` (which may be set late)."""

    def __init__(self) -> None:
        self.url = ""  # http://host:port
        self.key = KEY
        self.refusal: Refusal | None = None  # of requests that are in order
        self.stalls = False  # takes requests that are in order, and never answers
        self.requests = 0
        self.violations: list[str] = []  # what the vendor would not have taken

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        try:
            accepted = await self.accept(request)
        except Rejected as rejected:
            self.violations.append(str(rejected))
            return rejected.refusal.response()
        if self.refusal:
            return self.refusal.response()
        if self.stalls:
            await asyncio.Event().wait()
        return await self.serve(accepted)

    @abstractmethod
    async def accept(self, request: web.Request) -> Accepted:
        """The request when the vendor takes it. Raises Rejected."""

    @abstractmethod
    async def serve(self, accepted: Accepted) -> web.StreamResponse:
        """The vendor's answer, to its end."""


class StreamingVendor(Vendor[Exchanged]):
    """Answers by `script`, which may be set late."""

    def __init__(self, script: Callable[[Exchanged], Awaitable[None]]) -> None:
        super().__init__()
        self.script = script
        self.answers: list[Exchanged] = []  # those begun

    async def serve(self, accepted: Exchanged) -> web.StreamResponse:
        self.answers.append(accepted)
        complete = False
        try:
            await accepted.begin()
            await self.script(accepted)
            complete = True
        except TimeoutError:
            self.violations.append("the script waited in vain")
        finally:
            accepted.left = not complete
            await accepted.grew()
        return await accepted.end()


@asynccontextmanager
async def on_loopback(
    vendor: OneVendor, method: str, path: str, base: str = ""
) -> AsyncIterator[OneVendor]:
    """The vendor for one test, its address with `base`, the part of `path` that belongs to it.

    Fails the test at the end if something would have been rejected.
    """
    async with serving(web.route(method, path, vendor.answer)) as address:
        vendor.url = f"http://{address}{base}"
        yield vendor
    assert not vendor.violations, vendor.violations
