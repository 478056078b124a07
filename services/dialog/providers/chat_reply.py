"""Replies in the form of chat completions: server-sent chunks put together.

protocol  https://platform.openai.com/docs/api-reference/chat-streaming
"""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from services.dialog.provider import Delta, ModelError, ToolCall, Usage
from services.dialog.providers.reply import Reply

Chunks = AbstractAsyncContextManager[AsyncIterable[object]]
"""An SDK's stream: leaving it closes the response, and so stops the model."""


async def written(
    provider: str,
    begin: Callable[[], Awaitable[Chunks]],
    failures: tuple[type[Exception], ...],
    failed: Callable[[Exception], ModelError],
) -> AsyncGenerator[Delta | ToolCall | Usage]:
    """The reply as it is written; tools when it is complete, usage last.

    `failures` are what the SDK raises, and ValueError, for what cannot be read; `failed` makes
    them the port's. Raises: ModelError.
    """
    reply = _ChatReply(provider)
    try:
        async with await begin() as chunks:
            async for chunk in chunks:
                if text := reply.take(msgspec.convert(chunk, _Chunk)):
                    yield Delta(text)
    except failures as failure:
        raise failed(failure) from None
    for piece in reply.rest():
        yield piece


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCallDelta(msgspec.Struct):
    index: int
    function: _Function | None = None


class _ChoiceDelta(msgspec.Struct):
    """What is to be said and done; `reasoning` and `reasoning_content` are never read."""

    content: str | None = None
    refusal: str | None = None  # OpenAI's models say no in a field of its own
    tool_calls: list[_ToolCallDelta] | None = None


class _Choice(msgspec.Struct):
    delta: _ChoiceDelta
    finish_reason: str | None = None


class _Tokens(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _XGroq(msgspec.Struct):
    usage: _Tokens | None = None  # in the last chunk only
    error: str | None = None


class _Chunk(msgspec.Struct):
    """The part of a chunk that matters; the SDKs give it as it came."""

    choices: list[_Choice]
    usage: _Tokens | None = None
    x_groq: _XGroq | None = None  # Groq's place for what others send elsewhere


class _ChatReply:
    """What has come of a reply, besides its text."""

    def __init__(self, provider: str) -> None:
        self._provider, self._reply = provider, Reply(provider)
        self._calls: dict[int, _Function] = {}  # by the vendor's index, arguments in pieces

    def take(self, chunk: _Chunk) -> str:
        """Add a chunk, and give what of it is to be spoken. Raises ModelError."""
        if chunk.x_groq and chunk.x_groq.error:
            raise ModelError(self._provider, "interrupted", retryable=True)
        if usage := chunk.usage or (chunk.x_groq and chunk.x_groq.usage):
            self._reply.spend(usage.prompt_tokens, usage.completion_tokens)
        return "".join(self._take_choice(choice) for choice in chunk.choices)

    def rest(self) -> Iterator[Delta | ToolCall | Usage]:
        """What is left to give. Raises ModelError when the reply is not whole."""
        return self._reply.rest(self._asked())

    def _take_choice(self, choice: _Choice) -> str:
        if choice.finish_reason is not None:
            self._reply.end(choice.finish_reason)
        for delta in choice.delta.tool_calls or ():
            call = self._calls.setdefault(delta.index, _Function("", ""))
            if delta.function:
                call.name = delta.function.name or call.name
                call.arguments = f"{call.arguments}{delta.function.arguments or ''}"
        return self._reply.say(choice.delta.content or choice.delta.refusal or "")

    def _asked(self) -> Iterator[ToolCall]:
        for _, call in sorted(self._calls.items()):
            yield ToolCall(name=call.name or "", arguments=self._arguments(call))

    def _arguments(self, call: _Function) -> dict[str, Any]:
        try:
            return msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
        except msgspec.DecodeError:
            raise ModelError(self._provider, "tool_arguments", retryable=True) from None
