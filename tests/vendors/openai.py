"""OpenAI's chat completions on loopback, or those of a server that speaks the same protocol.

Sources of the rules: [1] platform.openai.com/docs/api-reference/chat/create,
[2] platform.openai.com/docs/guides/error-codes, [3] the SDK's own types (openai 3.52),
[4] developers.openai.com/api/docs/guides/latest-model (what reasoning models refuse),
[5] docs.vllm.ai/en/stable/serving/openai_compatible_server.html, and the same words in llama.cpp:
github.com/ggml-org/llama.cpp/pull/23012.
"""

import re
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web
from vendors.chat import Answer, nothing_to_say, problem_of
from vendors.serving import Refusal, Rejected, json_body
from vendors.strict import StreamingVendor, on_loopback

MODELS = {"gpt-5.4-mini", "gpt-5-mini", "gpt-6-luna", "gpt-4.1", "o4-mini"}  # [3], some of them
LOCAL_MODEL = "qwen3-8b"
PARAMETERS = {  # [1]; any other is refused by name
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
    "max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model", "n",
    "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
    "prompt_cache_retention", "reasoning_effort", "response_format", "safety_identifier", "seed",
    "service_tier", "stop", "store", "stream", "stream_options", "temperature", "tool_choice",
    "tools", "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
}  # fmt: skip
MORE_PARAMETERS = {  # [5], some of them
    "add_generation_prompt", "chat_template_kwargs", "continue_final_message", "min_p",
    "repetition_penalty", "top_k",
}  # fmt: skip
REASONING = re.compile(r"o\d|gpt-5(?!\.)|gpt-6")  # [4]


class OpenAIServer(StreamingVendor[Answer]):
    """Its `url` ends in /v1."""

    method, path = "POST", "/v1/chat/completions"

    def __init__(self, *, compatible: bool = False) -> None:
        """`compatible`: not OpenAI's own, but vLLM or llama.cpp with a model of its own."""
        super().__init__(nothing_to_say)
        self._compatible = compatible

    async def accept(self, request: web.Request) -> Answer:
        if request.headers.get("Authorization") != f"Bearer {self.key}":  # [1]
            raise Rejected("authorization", error(401, "invalid_api_key"))
        body = await json_body(request, _invalid)
        if body.get("model") not in ({LOCAL_MODEL} if self._compatible else MODELS):
            raise Rejected("an unknown model", error(404, "model_not_found"))  # [2]
        more = MORE_PARAMETERS if self._compatible else set()
        if problem := problem_of(body, PARAMETERS | more) or self._problem_of(body):
            raise _invalid(problem)
        return Answer(request, body)

    def _problem_of(self, body: dict[str, Any]) -> str:
        if set(body.get("stream_options", {})) - {"include_usage", "include_obfuscation"}:
            return "unknown stream options"  # [1]
        return _problem_of_going_on(body) if self._compatible else _problem_of_reasoning(body)


def openai_server(*, compatible: bool = False) -> AbstractAsyncContextManager[OpenAIServer]:
    """A server for one test."""
    server = OpenAIServer(compatible=compatible)
    return on_loopback(server, server.method, server.path, base="/v1")


def error(status: int, code: str, **headers: str) -> Refusal:
    """An error as the vendor words it [2]; its message repeats what was sent."""
    body = {"message": "about your words", "type": "invalid", "param": None, "code": code}
    return Refusal(status, {"error": body}, headers)


def _invalid(problem: str) -> Rejected:
    return Rejected(problem, error(400, "invalid_request_error"))


def _problem_of_reasoning(body: dict[str, Any]) -> str:
    """What models that reason do not take. [4]"""
    model, effort = body["model"], body.get("reasoning_effort", "none")
    reasons = bool(REASONING.match(model)) or (model.startswith("gpt-5.") and effort != "none")
    if reasons and body.get("temperature", 1) != 1:
        return "a temperature for a model that reasons"
    if reasons and "max_tokens" in body:
        return "max_tokens for a model that reasons: it is max_completion_tokens"
    return ""


def _problem_of_going_on(body: dict[str, Any]) -> str:
    if body.get("continue_final_message") and body.get("add_generation_prompt", True):
        return "it cannot go on and begin anew"  # [5]
    return ""
