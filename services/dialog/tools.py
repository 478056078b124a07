"""Tools run: a JSON POST with a stable key, or an entry in the log alone."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec

from contracts.agent import Tool
from contracts.dialog import ToolReported
from contracts.ids import CallId
from contracts.journal import JournalUnavailable

_ANSWER_BYTES: Final = 64 * 1024
_AGAIN_S: Final = 0.1
_NO_RESULT: Final = "not a JSON object of at most 64 KiB"


class Use(NamedTuple):
    """One use of a tool. Call and invocation are its stable id."""

    tool: Tool
    call: CallId
    invocation: str
    arguments: dict[str, Any]


class _Came(NamedTuple):
    ok: bool
    result: dict[str, Any]
    unsure: bool = False


Owned = Callable[[], Awaitable[None]]
"""Returns while the caller of it owns the call. Raises WrongVersion, JournalUnavailable."""


def session() -> aiohttp.ClientSession:
    """What tools are run through: each request asks its `Owned` at the last moment."""
    return aiohttp.ClientSession(trace_configs=[_asking()])


async def run(
    use: Use, http: aiohttp.ClientSession, owned: Owned, *, again: bool = False
) -> ToolReported:
    """Run the tool once and report what came of it. Never raises for what the tool does.

    The server gets `{"call", "invocation", "tool", "arguments"}` as JSON and an Idempotency-Key of
    call and invocation; it answers with a JSON object, which is the result.

    Args:   http: made by `session`.
            owned: asked when the connection stands, just before the request goes out.
            again: an earlier owner of the call may have run it. Then an idempotent tool is run with
            the same key; another's `check` is asked, which answers `{"ran": true, "result": {}}`
            or `{"ran": false}`; else it stays unsure.
    Raises: WrongVersion when the call has another owner: nothing was sent.
    """
    started = time.monotonic()
    sent = again  # then it may have been run though nothing came back

    async def still_owned() -> None:
        nonlocal sent
        await owned()
        sent = True

    try:
        async with asyncio.timeout(use.tool.timeout_ms / 1000):
            how = _find_out if again else _run
            came = await how(use, http, still_owned)
    except TimeoutError:
        came = _Came(False, {"error": "timeout"}, sent and not use.tool.idempotent)
    except aiohttp.ClientError as failed:
        error = {"error": type(failed).__name__}
        came = _Came(False, error, sent and not use.tool.idempotent)
    return ToolReported(
        at_ms=time.time_ns() // 1_000_000,
        invocation=use.invocation,
        ok=came.ok,
        result=came.result,
        took_ms=round((time.monotonic() - started) * 1000, 3),
        unsure=came.unsure,
    )


async def _find_out(use: Use, http: aiohttp.ClientSession, owned: Owned) -> _Came:
    if use.tool.idempotent or not use.tool.url:
        return await _run(use, http, owned)
    if not use.tool.check:
        return _Came(False, {"error": "interrupted"}, unsure=True)
    try:
        asked = await _request(use.tool.check, use, http, owned)
    except aiohttp.ClientError as failed:
        return _Came(False, {"error": type(failed).__name__}, unsure=True)
    match asked.result:
        case {"ran": True} if asked.ok:
            result = asked.result.get("result")
            return _Came(True, result if isinstance(result, dict) else {})
        case {"ran": False} if asked.ok:
            return await _run(use, http, owned)
        case _:
            return _Came(False, {"error": "interrupted"}, unsure=True)


async def _run(use: Use, http: aiohttp.ClientSession, owned: Owned) -> _Came:
    if not use.tool.url:
        return _Came(True, {"recorded": True})
    return await _request(use.tool.url, use, http, owned)


async def _request(url: str, use: Use, http: aiohttp.ClientSession, owned: Owned) -> _Came:
    while True:
        try:
            return await _post(url, use, http, owned)
        except JournalUnavailable:
            await asyncio.sleep(_AGAIN_S)  # nothing was sent yet


async def _post(url: str, use: Use, http: aiohttp.ClientSession, owned: Owned) -> _Came:
    body = {
        "call": use.call,
        "invocation": use.invocation,
        "tool": use.tool.name,
        "arguments": use.arguments,
    }
    headers = {"Idempotency-Key": f"{use.call}:{use.invocation}"}
    async with http.post(
        url, json=body, headers=headers, allow_redirects=False, trace_request_ctx=owned
    ) as response:
        if response.status >= 300:
            return _Came(False, {"error": f"status {response.status}"})
        result = _result(await _body(response.content))
        return _Came(False, {"error": _NO_RESULT}) if result is None else _Came(True, result)


def _asking() -> aiohttp.TraceConfig:
    """Hooks for the moment between a connection and the request on it; what they raise ends it."""

    async def ask(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        await context.trace_request_ctx()

    asking = aiohttp.TraceConfig()
    asking.on_connection_create_end.append(ask)
    asking.on_connection_reuseconn.append(ask)
    return asking


async def _body(content: aiohttp.StreamReader) -> bytes:
    """The answer, or a little more of it than may be: a single read gives only what is there."""
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > _ANSWER_BYTES:
            break
    return bytes(body)


def _result(body: bytes) -> dict[str, Any] | None:
    if len(body) > _ANSWER_BYTES:
        return None
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
