"""Ollama's chat on loopback: a line of JSON for each piece of the answer.

Sources of the rules: [1] docs.ollama.com/api/chat, [2] docs.ollama.com/api/errors,
[3] the server's own types (github.com/ollama/ollama, api/types.go): what is of another type is
refused, what is unknown is not looked at; [4] docs.ollama.com/capabilities/thinking.
"""

import json
import re
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web
from vendors.serving import Refusal, Rejected, json_body
from vendors.strict import Exchange, StreamingVendor, on_loopback

MODELS = {"llama3.2", "qwen3"}  # those pulled
THINKERS = {"qwen3"}


class OllamaAnswer(Exchange):
    """One request, and the script's means to answer it."""

    content_type = "application/x-ndjson"

    async def text(self, text: str) -> None:
        await self.line(message={"role": "assistant", "content": text})

    async def think(self, text: str) -> None:
        """Thoughts have a field of their own. [4]"""
        await self.line(message={"role": "assistant", "content": "", "thinking": text})

    async def call(self, name: str, arguments: dict[str, Any]) -> None:
        """A tool call comes whole, its arguments an object. [1]"""
        call = {"function": {"name": name, "arguments": arguments}}
        await self.line(message={"role": "assistant", "content": "", "tool_calls": [call]})

    async def finish(self, reason: str = "stop", *, tokens_in: int = 30, out: int = 7) -> None:
        """The last line, with what was counted; times are nanoseconds. [1]"""
        counted = {"prompt_eval_count": tokens_in, "eval_count": out, "total_duration": 5_000_000}
        message = {"role": "assistant", "content": ""}
        await self.line(message=message, done=True, done_reason=reason, **counted)

    async def nonsense(self, words: str) -> None:
        """A line that is no JSON."""
        await self.raw(f"{words}\n".encode())

    async def fail(self, words: str) -> None:
        """The status was sent; so an error amid the answer is a line. [2]"""
        await self.raw(json.dumps({"error": words}).encode() + b"\n")

    async def line(self, *, done: bool = False, **fields: Any) -> None:
        about = {"model": self.body["model"], "created_at": "2026-11-29T12:00:00Z", "done": done}
        await self.raw(json.dumps({**about, **fields}).encode() + b"\n")


class OllamaServer(StreamingVendor[OllamaAnswer]):
    """Asks no key."""

    method, path = "POST", "/api/chat"

    def __init__(self) -> None:
        super().__init__(_nothing_to_say)

    async def accept(self, request: web.Request) -> OllamaAnswer:
        body = await json_body(request, _invalid)
        if body.get("model") not in MODELS:
            raise Rejected("an unknown model", error(404, f"model '{body.get('model')}' not found"))
        if problem := _problem_of(body):
            raise _invalid(problem)
        return OllamaAnswer(request, body)


def ollama_server() -> AbstractAsyncContextManager[OllamaServer]:
    """A server for one test."""
    return on_loopback(OllamaServer(), OllamaServer.method, OllamaServer.path)


def error(status: int, words: str, **headers: str) -> Refusal:
    """An error as the server words it: text, and no code. [2]"""
    return Refusal(status, {"error": words}, headers)


async def _nothing_to_say(answer: OllamaAnswer) -> None:
    await answer.finish()


def _invalid(problem: str) -> Rejected:
    return Rejected(problem, error(400, problem))


def _problem_of(body: dict[str, Any]) -> str:
    if body.get("stream") is not True:
        return "these tests are about streams"
    if body.get("think") and body["model"] not in THINKERS:
        return f'"{body["model"]}" does not support thinking'  # [4]
    if not re.fullmatch(r"-?\d+(\.\d+)?(ns|us|ms|s|m|h)?", str(body.get("keep_alive", "5m"))):
        return "keep_alive is a number of seconds, or a duration with its unit"  # [3]
    if not isinstance(body.get("options", {}), dict):
        return "options are an object"  # [3]
    return _problem_of_messages(body.get("messages"))


def _problem_of_messages(messages: Any) -> str:
    if not isinstance(messages, list) or not messages:
        return "without messages the model is only loaded"  # [1]
    for message in messages:
        if message.get("role") not in ("system", "user", "assistant", "tool"):
            return "an unknown role"
        if not isinstance(message.get("content", ""), str):  # the SDK leaves empty ones out
            return "content must be text"  # [3]
        if message["role"] == "tool" and not message.get("tool_name"):
            return "a tool's result does not say whose it is"  # [1]
        for call in message.get("tool_calls", ()):
            if not isinstance(call["function"]["arguments"], dict):
                return "a tool call's arguments are an object"  # [3]
    return ""
