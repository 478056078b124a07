"""Chat completions, streamed, through OpenAI's SDK: OpenAI's own, and any server that speaks them.

protocol  https://platform.openai.com/docs/api-reference/chat/create
"""

import logging
import re
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Any, Final

import httpx2
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    AsyncStream,
    DefaultAsyncHttpx2Client,
    OpenAIError,
)

from contracts.agent import Provider
from services.dialog.provider import Capabilities, Delta, ModelError, Prompt, ToolCall, Usage
from services.dialog.providers.chat_reply import Chunks, written
from services.dialog.providers.chat_request import begun, request
from services.dialog.providers.refusals import refused

NAME: Final = "openai"
MODEL: Final = "gpt-5.4-mini"
# By itself the SDK has the 1,001st caller wait until another's reply is written.
_LIMITS: Final = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
# These models refuse a request that sets a temperature; those of 5.1 to 5.5 while they reason.
# https://developers.openai.com/api/docs/guides/latest-model
_NO_TEMPERATURE: Final = re.compile(r"o\d|gpt-5(?!\.)|gpt-6")
_NONE_WHEN_REASONING: Final = re.compile(r"gpt-5\.")
# vLLM's words for going on from the last message, which llama.cpp takes too.
# https://docs.vllm.ai/en/stable/serving/openai_compatible_server.html
_GO_ON: Final = {"continue_final_message": True, "add_generation_prompt": False}


class OpenAI:
    """One server for many calls, over one pool of connections.

    `agent.llm.options` goes into the request as it is, for example `max_completion_tokens = 200`
    or `reasoning_effort = "low"`; but for `prefill = true`, which says that the server goes on
    from an answer begun before (vLLM and llama.cpp do, OpenAI does not).
    """

    name: str = NAME
    capabilities = Capabilities(streaming=True, tools=True, usage=True)

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        model: str = MODEL,
        headers: Mapping[str, str] | None = None,
        stream_options: bool = True,
    ) -> None:
        """`base_url` ends in /v1. `model`: where the agent names none.

        `stream_options`: the server takes them, and tells what a reply cost only when asked.
        """
        # At DEBUG this logger writes whole requests, the conversation included.
        logging.getLogger("openai").setLevel(logging.INFO)
        self._model = model
        self._more = {"stream_options": {"include_usage": True}} if stream_options else {}
        self._client = AsyncOpenAI(
            api_key=api_key,
            base_url=base_url or "https://api.openai.com/v1",
            default_headers=headers,
            max_retries=0,  # a retry on the live path is the dialog's to decide, not a silent wait
            http_client=DefaultAsyncHttpx2Client(limits=_LIMITS, follow_redirects=False),
        )

    def write(self, prompt: Prompt) -> AsyncGenerator[Delta | ToolCall | Usage]:
        """The reply as it is written; tools when it is complete, usage last.

        Closing the iterator early closes the response, and so stops the model. The longest wait
        for the next piece is `agent.limits.model_ms`. Raises: ModelError.
        """
        failed = partial(_failed, self.name)
        return written(self.name, partial(self._begin, prompt), (OpenAIError, ValueError), failed)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def _begin(self, prompt: Prompt) -> Chunks:
        agent = prompt.agent
        wait_s = agent.limits.model_ms / 1_000
        connect_s = min(wait_s, agent.llm.connect_ms / 1_000)
        return await self._client.post(
            "/chat/completions",
            cast_to=object,
            body=self._body(prompt, agent.llm.model or self._model),
            options={"timeout": httpx2.Timeout(wait_s, connect=connect_s)},
            stream=True,
            stream_cls=AsyncStream[object],
        )

    def _body(self, prompt: Prompt, model: str) -> dict[str, Any]:
        llm = prompt.agent.llm
        goes_on = begun(prompt) if llm.options.get("prefill") else []
        body = request(prompt, model, goes_on) | (_GO_ON if goes_on else {})
        body.pop("prefill", None)
        if _takes_temperature(model, llm):
            body.setdefault("temperature", llm.temperature)
        return self._more | body


def _takes_temperature(model: str, llm: Provider) -> bool:
    reasons = llm.options.get("reasoning_effort", "none") != "none"
    if reasons and _NONE_WHEN_REASONING.match(model):
        return False
    return not _NO_TEMPERATURE.match(model)


def _failed(provider: str, failure: Exception) -> ModelError:
    match failure:
        case APIStatusError(status_code=status, body=body, response=response):
            return refused(provider, status, response.headers, body)
        case APITimeoutError():
            kind = "timeout"
        case APIConnectionError(__cause__=httpx2.ConnectError()):
            kind = "unreachable"
        case APIConnectionError():
            kind = "disconnected"
        case OpenAIError():
            kind = "interrupted"  # an error event amid the reply
        case _:
            kind = "garbled"
    return ModelError(provider, kind, retryable=True)
