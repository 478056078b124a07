"""Models on a machine of one's own, through Ollama's SDK.

protocol  https://docs.ollama.com/api/chat: a line of JSON for each piece
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final, cast

import httpx
from ollama import AsyncClient, ChatResponse, ResponseError

from services.dialog.provider import (
    Capabilities,
    Delta,
    ModelError,
    Prompt,
    Spoken,
    ToolCall,
    Usage,
)
from services.dialog.providers.chat_request import tools
from services.dialog.providers.refusals import refused
from services.dialog.providers.reply import Reply

NAME: Final = "ollama"
MODEL: Final = "llama3.2"
CONNECT_S: Final = 5.0
KEEP_ALIVE: Final = "30m"  # Ollama's own 5 minutes would have the next caller wait for the load
# By itself the SDK has the 101st caller wait until another's reply is written.
_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=100)
# What the SDK raises on a line that is no JSON, JSON of another shape, or no object at all.
_GARBLED: Final = (ValueError, TypeError, AttributeError)


class Ollama:
    """An Ollama server for many calls.

    `agent.llm.options` are the model's, for example `num_ctx = 8192`; but for `keep_alive`, how
    long the model stays loaded (30m), and `think`, which is off: thoughts are not spoken.
    """

    name = NAME
    capabilities = Capabilities(streaming=True, tools=True, usage=True)

    def __init__(self, url: str) -> None:
        """`url`: http://127.0.0.1:11434. The server asks no key."""
        self._client = AsyncClient(
            host=url,
            timeout=httpx.Timeout(None, connect=CONNECT_S),  # the agent's limit rules over pieces
            limits=_LIMITS,
            follow_redirects=False,
            event_hooks={"response": [_refuse]},
        )

    async def write(self, prompt: Prompt) -> AsyncGenerator[Delta | ToolCall | Usage]:
        """The reply as it is written; tools when it is complete, usage last.

        Closing the iterator early closes the response, and so stops the model. The longest wait
        for the next piece is `agent.limits.model_ms`. Raises: ModelError.
        """
        reply, calls = Reply(NAME), list[ToolCall]()
        async with aclosing(_parts(self._begin, prompt)) as parts:
            async for part in parts:
                calls += _calls(part)
                if text := reply.say(part.message.content or ""):
                    yield Delta(text)
                if part.done:
                    reply.end(part.done_reason or "stop")
                    reply.spend(part.prompt_eval_count or 0, part.eval_count or 0)
        for piece in reply.rest(calls):
            yield piece

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    async def _begin(self, prompt: Prompt) -> AsyncGenerator[ChatResponse]:
        """The SDK's stream, which asks the server when its first part is asked for."""
        llm = prompt.agent.llm
        options = {"temperature": llm.temperature, **llm.options}
        keep_alive, think = options.pop("keep_alive", KEEP_ALIVE), options.pop("think", False)
        try:
            stream = await self._client.chat(
                model=llm.model or MODEL,
                messages=_messages(prompt),
                tools=tools(prompt.agent),
                stream=True,
                think=think,
                keep_alive=keep_alive,
                options=options,
            )
        except ValueError:  # the SDK itself checks options and tools
            raise ModelError(NAME, "refused", retryable=False) from None
        return cast(AsyncGenerator[ChatResponse], stream)


async def _parts(
    begin: Callable[[Prompt], Awaitable[AsyncGenerator[ChatResponse]]], prompt: Prompt
) -> AsyncGenerator[ChatResponse]:
    """The parts of an answer, none waited for longer than the agent allows. Raises: ModelError."""
    wait_s = prompt.agent.limits.model_ms / 1_000
    try:
        async with aclosing(await begin(prompt)) as stream:
            while True:
                async with asyncio.timeout(wait_s):
                    part = await anext(stream, None)
                if part is None:
                    return
                yield part
    except (ResponseError, httpx.HTTPError, TimeoutError, *_GARBLED) as failure:
        raise ModelError(NAME, _kind(failure), retryable=True) from None


async def _refuse(response: httpx.Response) -> None:
    """The SDK's error would have neither the answer's headers nor less than all its text."""
    if response.status_code >= 300:
        raise refused(NAME, response.status_code, response.headers)


def _kind(failure: Exception) -> str:
    match failure:
        case ResponseError():
            return "interrupted"  # an error amid the reply
        case TimeoutError() | httpx.TimeoutException():
            return "timeout"
        case httpx.ConnectError():
            return "unreachable"
        case httpx.HTTPError():
            return "disconnected"
        case _:
            return "garbled"


def _calls(part: ChatResponse) -> list[ToolCall]:
    """Each comes whole, its arguments an object."""
    return [
        ToolCall(name=call.function.name, arguments=dict(call.function.arguments))
        for call in part.message.tool_calls or ()
    ]


def _messages(prompt: Prompt) -> list[dict[str, Any]]:
    """What was begun is left out: whether a model goes on from it depends on its template."""
    told: list[dict[str, Any]] = [{"role": "system", "content": prompt.system}]
    for spoken in prompt.history:
        told += _said(spoken)
    return told


def _said(spoken: Spoken) -> list[dict[str, Any]]:
    match spoken.by:
        case "caller":
            return [{"role": "user", "content": spoken.text}]
        case "agent":
            return [{"role": "assistant", "content": spoken.text}]
        case "tool":  # two messages: the model asks, the tool answers by its name
            function = {"name": spoken.tool, "arguments": spoken.arguments}
            return [
                {"role": "assistant", "content": "", "tool_calls": [{"function": function}]},
                {"role": "tool", "tool_name": spoken.tool, "content": spoken.text},
            ]
