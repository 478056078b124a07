"""Groq's chat completions on loopback, streamed as server-sent events, as strict as the vendor.

Sources of the rules: [1] console.groq.com/docs/api-reference#chat-create,
[2] console.groq.com/docs/errors, [3] console.groq.com/docs/tool-use,
[4] the SDK's own types (groq 1.7).
"""

import json
import re
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from vendors.serving import Refusal, Rejected, json_body
from vendors.strict import Exchange, StreamingVendor, on_loopback

MODELS = {  # [4]
    "llama-3.1-8b-instant", "llama-3.3-70b-versatile", "openai/gpt-oss-20b",
    "openai/gpt-oss-120b", "qwen/qwen3-32b",
}  # fmt: skip
PARAMETERS = {  # [1]; any other is refused by name
    "frequency_penalty", "include_reasoning", "logit_bias", "max_completion_tokens", "max_tokens",
    "messages", "metadata", "model", "n", "parallel_tool_calls", "presence_penalty",
    "reasoning_effort", "reasoning_format", "response_format", "seed", "service_tier", "stop",
    "store", "stream", "temperature", "tool_choice", "tools", "top_p", "user",
}  # fmt: skip


class Answer(Exchange):
    """One request, and the script's means to answer it."""

    content_type = "text/event-stream"

    async def text(self, text: str) -> None:
        await self.chunk({"content": text})

    async def tool(self, index: int, **function: str) -> None:
        """A piece of a tool call; the first of an index brings name and id. [3]"""
        call: dict[str, Any] = {"index": index, "function": function}
        if "name" in function:
            call |= {"id": f"call_{index}", "type": "function"}
        await self.chunk({"tool_calls": [call]})

    async def finish(self, reason: str = "stop", *, tokens_in: int = 30, out: int = 7) -> None:
        """The last chunk, with the usage [4], and the end of the stream."""
        usage = {"prompt_tokens": tokens_in, "completion_tokens": out, "total_tokens": 37}
        await self.chunk({}, finish_reason=reason, x_groq={"id": "req_1", "usage": usage})
        await self.raw(b"data: [DONE]\n\n")

    async def chunk(
        self, delta: dict[str, Any], *, finish_reason: str | None = None, **more: Any
    ) -> None:
        await self.event(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": self.body["model"],
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
                **more,
            }
        )

    async def event(self, data: dict[str, Any], kind: str = "") -> None:
        name = f"event: {kind}\n" if kind else ""
        await self.raw(f"{name}data: {json.dumps(data)}\n\n".encode())


class GroqServer(StreamingVendor[Answer]):
    """Its `url` is without /openai/v1."""

    def __init__(self) -> None:
        super().__init__(_nothing_to_say)

    async def accept(self, request: web.Request) -> Answer:
        if request.headers.get("Authorization") != f"Bearer {self.key}":  # [1]
            raise Rejected("authorization", error(401, "invalid_api_key"))
        body = await json_body(request, _invalid)
        if body.get("model") not in MODELS:
            raise Rejected("an unknown model", error(404, "model_not_found"))  # [2]
        if problem := _problem(body):
            raise _invalid(problem)
        return Answer(request, body)


def groq_server() -> AbstractAsyncContextManager[GroqServer]:
    """A server for one test."""
    return on_loopback(GroqServer(), "POST", "/openai/v1/chat/completions")


def error(status: int, code: str, **headers: str) -> Refusal:
    """An error as the vendor words it [2]; its message repeats what was sent."""
    body = {"error": {"message": "about your words", "type": "invalid", "code": code}}
    return Refusal(status, body, headers)


async def _nothing_to_say(answer: Answer) -> None:
    await answer.finish()


def _invalid(problem: str) -> Rejected:
    return Rejected(problem, error(400, "invalid_request"))


def _problem(body: dict[str, Any]) -> str:
    """What the vendor would refuse in the request; empty: nothing."""
    if unknown := set(body) - PARAMETERS:
        return f"unsupported parameters: {sorted(unknown)}"
    if body.get("stream") is not True:
        return "these tests are about streams"
    if not 0 <= body.get("temperature", 1) <= 2:  # [1]
        return "temperature"
    return _problem_of_tools(body.get("tools")) or _problem_of_messages(body.get("messages"))


def _problem_of_tools(tools: Any) -> str:
    if tools is None:
        return ""
    if not isinstance(tools, list) or not tools:
        return "tools must be a list, and not an empty one"
    return next((problem for tool in tools if (problem := _problem_of_tool(tool))), "")


def _problem_of_tool(tool: Any) -> str:
    function = tool.get("function", {})
    if tool.get("type") != "function" or not re.fullmatch(r"[\w-]{1,64}", function.get("name", "")):
        return "a tool is a function with a plain name"  # [3]
    try:
        Draft202012Validator.check_schema(function["parameters"])
    except (SchemaError, KeyError):
        return "a tool's parameters are a JSON Schema"  # [3]
    return "" if function["parameters"].get("type") == "object" else "parameters are an object"


def _problem_of_messages(messages: Any) -> str:
    if not isinstance(messages, list) or not messages:
        return "messages must not be empty"
    asked: set[str] = set()
    for message in messages:
        if problem := _problem_of_message(message, asked):
            return problem
        asked |= {call["id"] for call in message.get("tool_calls", ())}
    return ""


def _problem_of_message(message: dict[str, Any], asked: set[str]) -> str:
    role, content = message.get("role"), message.get("content")
    if role not in ("system", "user", "assistant", "tool"):
        return "an unknown role"
    if not isinstance(content, str) and not (role == "assistant" and message.get("tool_calls")):
        return "content must be text"
    if role == "tool" and message.get("tool_call_id") not in asked:
        return "a tool's result that no assistant message asked for"  # [3]
    for call in message.get("tool_calls", ()):
        if call["type"] != "function" or not isinstance(call["function"]["arguments"], str):
            return "a tool call's arguments are JSON as text"  # [3]
        json.loads(call["function"]["arguments"])
    return ""
