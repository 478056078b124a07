"""Groq's chat completions on loopback, streamed as server-sent events, as strict as the vendor.

Sources of the rules: [1] console.groq.com/docs/api-reference#chat-create,
[2] console.groq.com/docs/errors, [3] the SDK's own types (groq 1.7),
[4] console.groq.com/docs/reasoning.
"""

from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web
from vendors.chat import Answer, nothing_to_say, problem_of
from vendors.serving import Refusal, Rejected, json_body
from vendors.strict import StreamingVendor, on_loopback

MODELS = {  # [3]
    "llama-3.1-8b-instant", "llama-3.3-70b-versatile", "openai/gpt-oss-20b",
    "openai/gpt-oss-120b", "qwen/qwen3-32b",
}  # fmt: skip
PARAMETERS = {  # [1]; any other is refused by name
    "frequency_penalty", "include_reasoning", "logit_bias", "max_completion_tokens", "max_tokens",
    "messages", "metadata", "model", "n", "parallel_tool_calls", "presence_penalty",
    "reasoning_effort", "reasoning_format", "response_format", "seed", "service_tier", "stop",
    "store", "stream", "temperature", "tool_choice", "tools", "top_p", "user",
}  # fmt: skip


class GroqAnswer(Answer):
    """One request, and the script's means to answer it."""

    async def last_chunks(self, reason: str, usage: dict[str, int]) -> None:
        """The usage comes always, and in a place of Groq's own. [3]"""
        await self.chunk({}, finish_reason=reason, x_groq={"id": "req_1", "usage": usage})


class GroqServer(StreamingVendor[GroqAnswer]):
    """Its `url` is without /openai/v1."""

    method, path = "POST", "/openai/v1/chat/completions"

    def __init__(self) -> None:
        super().__init__(nothing_to_say)

    async def accept(self, request: web.Request) -> GroqAnswer:
        if request.headers.get("Authorization") != f"Bearer {self.key}":  # [1]
            raise Rejected("authorization", error(401, "invalid_api_key"))
        body = await json_body(request, _invalid)
        if body.get("model") not in MODELS:
            raise Rejected("an unknown model", error(404, "model_not_found"))  # [2]
        if problem := problem_of(body, PARAMETERS) or _problem_of_reasoning(body):
            raise _invalid(problem)
        return GroqAnswer(request, body)


def groq_server() -> AbstractAsyncContextManager[GroqServer]:
    """A server for one test."""
    return on_loopback(GroqServer(), GroqServer.method, GroqServer.path)


def error(status: int, code: str, **headers: str) -> Refusal:
    """An error as the vendor words it [2]; its message repeats what was sent."""
    body = {"error": {"message": "about your words", "type": "invalid", "code": code}}
    return Refusal(status, body, headers)


def _invalid(problem: str) -> Rejected:
    return Rejected(problem, error(400, "invalid_request"))


def _problem_of_reasoning(body: dict[str, Any]) -> str:
    if body.get("reasoning_format") == "raw" and body.get("tools"):
        return "thoughts within the reply, and tools"  # [4]
    return ""
