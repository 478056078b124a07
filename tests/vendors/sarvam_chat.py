"""Sarvam's chat completions (version 1) on loopback: OpenAI's protocol with less in it.

Sources of the rules: [1] docs.sarvam.ai/api-reference/chat/chat-completions-v1, and the SDK's own
parameters (sarvamai 0.1.39, chat/raw_client.py), [2] docs.sarvam.ai/api-reference/authentication,
[3] docs.sarvam.ai/api/getting-started/errors-troubleshooting. Where the usage stands in a stream is
not documented for version 1; here it is in the last chunk.
"""

from contextlib import AbstractAsyncContextManager

from aiohttp import web
from vendors.chat import Answer, nothing_to_say, problem_of
from vendors.serving import Refusal, Rejected, json_body
from vendors.strict import StreamingVendor, on_loopback

MODELS = {"sarvam-105b", "sarvam-105b-conversations"}  # [1]: version 1 serves no others
PARAMETERS = {  # [1]; any other is refused by name
    "frequency_penalty", "max_tokens", "messages", "model", "n", "presence_penalty",
    "reasoning_effort", "response_format", "seed", "stop", "stream", "temperature", "tool_choice",
    "tools", "top_p",
}  # fmt: skip


class SarvamAnswer(Answer):
    """One request, and the script's means to answer it."""

    async def last_chunks(self, reason: str, usage: dict[str, int]) -> None:
        await self.chunk({}, finish_reason=reason, usage=usage)


class SarvamChatServer(StreamingVendor[SarvamAnswer]):
    """Its `url` is the origin alone."""

    method, path = "POST", "/v1/chat/completions"

    def __init__(self) -> None:
        super().__init__(nothing_to_say)

    async def accept(self, request: web.Request) -> SarvamAnswer:
        if self.key not in (request.headers.get("api-subscription-key"), _bearer(request)):
            raise Rejected("authorization", error(403, "invalid_api_key_error"))  # [2] [3]
        body = await json_body(request, _invalid)
        if body.get("model") not in MODELS:
            raise _invalid("an unknown model")
        if problem := problem_of(body, PARAMETERS):
            raise _invalid(problem)
        if body["model"] == "sarvam-105b-conversations" and "reasoning_effort" in body:
            raise _invalid("an effort to reason of a model that does not")  # [1]
        return SarvamAnswer(request, body)


def sarvam_chat_server() -> AbstractAsyncContextManager[SarvamChatServer]:
    """A server for one test."""
    return on_loopback(SarvamChatServer(), SarvamChatServer.method, SarvamChatServer.path)


def error(status: int, code: str, **headers: str) -> Refusal:
    """An error as the vendor words it [3]; its message repeats what was sent."""
    return Refusal(status, {"error": {"message": "about your words", "code": code}}, headers)


def _bearer(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _invalid(problem: str) -> Rejected:
    return Rejected(problem, error(400, "invalid_request_error"))
