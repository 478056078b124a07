"""Tools run: a JSON POST with a stable key, or an entry in the log alone."""

import asyncio
import time
from typing import Any, Final

import aiohttp
import msgspec

from contracts.agent import Tool
from contracts.dialog import ToolReported
from contracts.ids import CallId

_ANSWER_BYTES: Final = 64 * 1024
_NO_RESULT: Final = "not a JSON object of at most 64 KiB"


async def run(
    tool: Tool,
    call: CallId,
    invocation: str,
    arguments: dict[str, Any],
    http: aiohttp.ClientSession,
) -> ToolReported:
    """Run the tool once and report what came of it. Never raises for what the tool does.

    The server gets `{"call", "invocation", "tool", "arguments"}` as JSON and an Idempotency-Key of
    call and invocation; it answers with a JSON object, which is the result.
    """
    started = time.monotonic()
    ok, result = await _run(tool, call, invocation, arguments, http)
    return ToolReported(
        at_ms=time.time_ns() // 1_000_000,
        invocation=invocation,
        ok=ok,
        result=result,
        took_ms=round((time.monotonic() - started) * 1000, 3),
    )


async def _run(
    tool: Tool,
    call: CallId,
    invocation: str,
    arguments: dict[str, Any],
    http: aiohttp.ClientSession,
) -> tuple[bool, dict[str, Any]]:
    if not tool.url:
        return True, {"recorded": True}
    body = {"call": call, "invocation": invocation, "tool": tool.name, "arguments": arguments}
    try:
        async with asyncio.timeout(tool.timeout_ms / 1000):
            return await _post(tool.url, body, f"{call}:{invocation}", http)
    except TimeoutError:
        return False, {"error": "timeout"}
    except aiohttp.ClientError as failed:
        return False, {"error": type(failed).__name__}


async def _post(
    url: str, body: dict[str, Any], key: str, http: aiohttp.ClientSession
) -> tuple[bool, dict[str, Any]]:
    headers = {"Idempotency-Key": key}
    async with http.post(url, json=body, headers=headers, allow_redirects=False) as response:
        if response.status >= 300:
            return False, {"error": f"status {response.status}"}
        result = _result(await _body(response.content))
        return (False, {"error": _NO_RESULT}) if result is None else (True, result)


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
