"""Groq's chat completions, streamed, through its own SDK.

protocol  https://console.groq.com/docs/api-reference#chat-create
"""

import logging
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Final

import httpx
import msgspec
from groq import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncGroq,
    AsyncStream,
    GroqError,
    omit,
)
from groq.types.chat import (
    ChatCompletionChunk,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)

from contracts.agent import Tool
from services.dialog.provider import (
    Capabilities,
    Delta,
    ModelError,
    Prompt,
    Spoken,
    ToolCall,
    Usage,
)

NAME: Final = "groq"
MODEL: Final = "llama-3.3-70b-versatile"
CONNECT_S: Final = 5.0


class Groq:
    """Groq for many calls, over one pool of connections.

    `agent.llm.options` goes into the request as it is, for example `max_completion_tokens = 200`.
    """

    name = NAME
    capabilities = Capabilities(streaming=True, tools=True, usage=True, prefill=True)

    def __init__(self, api_key: str, base_url: str | None = None) -> None:
        """`base_url` is the origin alone; the SDK adds `/openai/v1`."""
        # At DEBUG this logger writes whole requests, the conversation included.
        logging.getLogger("groq").setLevel(logging.INFO)
        self._client = AsyncGroq(
            api_key=api_key,
            base_url=base_url or "https://api.groq.com",
            max_retries=0,  # a retry on the live path is the dialog's to decide, not a silent wait
        )
        self._completions = self._client.chat.completions  # imports much; not amid a call

    async def write(self, prompt: Prompt) -> AsyncGenerator[Delta | ToolCall | Usage]:
        """The reply as it is written; tools when it is complete, usage last.

        Closing the iterator early closes the response, and so stops the model. The longest wait
        for the next piece is `agent.limits.model_ms`. Raises: ModelError.
        """
        reply = _Reply()
        try:
            async with await self._begin(prompt) as stream:
                async for chunk in stream:
                    if text := reply.take(msgspec.convert(chunk, _Chunk, from_attributes=True)):
                        yield Delta(text)
        except (GroqError, httpx.HTTPError, ValueError) as failure:
            raise _failed(failure) from None
        for piece in reply.rest():
            yield piece

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def _begin(self, prompt: Prompt) -> AsyncStream[ChatCompletionChunk]:
        agent = prompt.agent
        wait_s = agent.limits.model_ms / 1_000
        return await self._completions.create(
            model=agent.llm.model or MODEL,
            temperature=agent.llm.temperature,
            messages=_messages(prompt),
            tools=[_tool(tool) for tool in agent.tools] or omit,
            stream=True,
            timeout=httpx.Timeout(wait_s, connect=min(wait_s, CONNECT_S)),
            extra_body=agent.llm.options,
        )


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCallDelta(msgspec.Struct):
    index: int
    function: _Function | None = None


class _ChoiceDelta(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_ToolCallDelta] | None = None


class _Choice(msgspec.Struct):
    delta: _ChoiceDelta
    finish_reason: str | None = None


class _Tokens(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int


class _XGroq(msgspec.Struct):
    usage: _Tokens | None = None  # in the last chunk only
    error: str | None = None


class _Chunk(msgspec.Struct):
    """The part of a chunk that matters; the SDK checks none of it."""

    choices: list[_Choice]
    x_groq: _XGroq | None = None


class _Reply:
    """What has come of a reply, besides its text."""

    def __init__(self) -> None:
        self._calls: dict[int, _Function] = {}  # by the vendor's index, arguments in pieces
        self._tokens: _Tokens | None = None
        self._finished = False

    def take(self, chunk: _Chunk) -> str:
        """Add a chunk, and give its text. Raises ModelError."""
        if chunk.x_groq and chunk.x_groq.error:
            raise ModelError(NAME, "interrupted", retryable=True)
        if chunk.x_groq and chunk.x_groq.usage:
            self._tokens = chunk.x_groq.usage
        return "".join(self._take_choice(choice) for choice in chunk.choices)

    def rest(self) -> Iterator[ToolCall | Usage]:
        """The tools asked for and the cost. Raises ModelError when the reply broke off."""
        if not self._finished:
            raise ModelError(NAME, "disconnected", retryable=True)
        for _, call in sorted(self._calls.items()):
            yield ToolCall(name=call.name or "", arguments=_arguments(call))
        if self._tokens:
            spent = self._tokens
            yield Usage(tokens_in=spent.prompt_tokens, tokens_out=spent.completion_tokens)

    def _take_choice(self, choice: _Choice) -> str:
        self._finished = self._finished or choice.finish_reason is not None
        for delta in choice.delta.tool_calls or ():
            call = self._calls.setdefault(delta.index, _Function("", ""))
            if delta.function:
                call.name = delta.function.name or call.name
                call.arguments = f"{call.arguments}{delta.function.arguments or ''}"
        return choice.delta.content or ""


def _arguments(call: _Function) -> dict[str, Any]:
    try:
        return msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except msgspec.DecodeError:
        raise ModelError(NAME, "tool_arguments", retryable=True) from None


def _messages(prompt: Prompt) -> list[ChatCompletionMessageParam]:
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": prompt.system}]
    for place, spoken in enumerate(prompt.history):
        messages += _said(spoken, spoken.invocation or f"call_{place}")
    if prompt.begun:  # https://console.groq.com/docs/prefilling
        messages.append({"role": "assistant", "content": prompt.begun})
    return messages


def _said(spoken: Spoken, invocation: str) -> list[ChatCompletionMessageParam]:
    match spoken.by:
        case "caller":
            return [{"role": "user", "content": spoken.text}]
        case "agent":
            return [{"role": "assistant", "content": spoken.text}]
        case "tool":
            return _used(spoken, invocation)


def _used(spoken: Spoken, invocation: str) -> list[ChatCompletionMessageParam]:
    """A tool's use is two messages: the model asks, the tool answers under the same id."""
    arguments = msgspec.json.encode(spoken.arguments).decode()
    return [
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": invocation,
                    "type": "function",
                    "function": {"name": spoken.tool, "arguments": arguments},
                }
            ],
        },
        {"role": "tool", "tool_call_id": invocation, "content": spoken.text},
    ]


def _tool(tool: Tool) -> ChatCompletionToolParam:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters or {"type": "object", "properties": {}},
        },
    }


def _failed(failure: Exception) -> ModelError:
    kind, retryable = _kind(failure)
    return ModelError(NAME, kind, retryable=retryable)


def _kind(failure: Exception) -> tuple[str, bool]:
    match failure:
        case APIStatusError(status_code=status, body=body):
            return _kind_of_status(status, body)
        case APITimeoutError() | httpx.TimeoutException():
            return "timeout", True
        case APIConnectionError():
            return "unreachable", True
        case httpx.HTTPError():
            return "disconnected", True
        case GroqError():
            return "interrupted", True  # an error event amid the reply
        case _:
            return "garbled", True


def _kind_of_status(status: int, body: object) -> tuple[str, bool]:
    """https://console.groq.com/docs/errors"""
    match status, body:
        case 400, {"error": {"code": "tool_use_failed"}}:
            return "tool_use_failed", True  # the model wrote no valid call; it may next time
        case 401 | 403, _:
            return "unauthorized", False
        case 429 | 498, _:
            return "rate_limited", True  # 498: capacity of the flex tier
        case _ if status >= 500:
            return "unavailable", True
        case _:
            return "refused", False
