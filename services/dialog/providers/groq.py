"""Groq's chat completions, streamed, through its own SDK.

protocol  https://console.groq.com/docs/api-reference#chat-create
"""

import logging
from collections.abc import AsyncGenerator
from functools import partial
from typing import Final

import httpx
from groq import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncGroq,
    AsyncStream,
    DefaultAsyncHttpxClient,
    GroqError,
)

from services.dialog.provider import Capabilities, Delta, ModelError, Prompt, ToolCall, Usage
from services.dialog.providers.chat_reply import Chunks, written
from services.dialog.providers.chat_request import begun, request
from services.dialog.providers.refusals import refused

NAME: Final = "groq"
MODEL: Final = "llama-3.3-70b-versatile"
# By itself the SDK has the 101st caller wait until another's reply is written.
_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=100)
_FAILURES: Final = (GroqError, httpx.HTTPError, ValueError)


class Groq:
    """Groq for many calls, over one pool of connections.

    `agent.llm.options` goes into the request as it is, for example `max_completion_tokens = 200`.
    """

    name = NAME
    # It goes on from what was begun: https://console.groq.com/docs/prefilling
    capabilities = Capabilities(streaming=True, tools=True, usage=True, prefill=True)

    def __init__(self, api_key: str, base_url: str | None = None) -> None:
        """`base_url` is the origin alone."""
        # At DEBUG this logger writes whole requests, the conversation included.
        logging.getLogger("groq").setLevel(logging.INFO)
        self._client = AsyncGroq(
            api_key=api_key,
            base_url=base_url or "https://api.groq.com",
            max_retries=0,  # a retry on the live path is the dialog's to decide, not a silent wait
            http_client=DefaultAsyncHttpxClient(limits=_LIMITS, follow_redirects=False),
        )

    def write(self, prompt: Prompt) -> AsyncGenerator[Delta | ToolCall | Usage]:
        """The reply as it is written; tools when it is complete, usage last.

        Closing the iterator early closes the response, and so stops the model. The longest wait
        for the next piece is `agent.limits.model_ms`. Raises: ModelError.
        """
        return written(NAME, partial(self._begin, prompt), _FAILURES, _failed)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def _begin(self, prompt: Prompt) -> Chunks:
        agent = prompt.agent
        wait_s = agent.limits.model_ms / 1_000
        connect_s = min(wait_s, agent.llm.connect_ms / 1_000)
        body = request(prompt, agent.llm.model or MODEL, begun(prompt))
        return await self._client.post(
            "/openai/v1/chat/completions",
            cast_to=object,
            body={"temperature": agent.llm.temperature, **body},
            options={"timeout": httpx.Timeout(wait_s, connect=connect_s)},
            stream=True,
            stream_cls=AsyncStream[object],
        )


def _failed(failure: Exception) -> ModelError:
    match failure:
        case APIStatusError(status_code=status, body=body, response=response):
            return refused(NAME, status, response.headers, body)
        case APITimeoutError() | httpx.TimeoutException():
            kind = "timeout"
        case APIConnectionError():
            kind = "unreachable"
        case httpx.HTTPError():
            kind = "disconnected"
        case GroqError():
            kind = "interrupted"  # an error event amid the reply
        case _:
            kind = "garbled"
    return ModelError(NAME, kind, retryable=True)
