"""A model's stream turned into facts: sentences as they are completed, tools, the end."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final, TypeAlias, cast

from contracts.agent import Fallback
from contracts.dialog import (
    InnerFact,
    ModelCalledTool,
    ModelFailed,
    ModelFinished,
    ModelWrote,
)
from services.call.sentences import SentenceCutter
from services.dialog.provider import Delta, LanguageModel, ModelError, Prompt, ToolCall, Usage

Report = Callable[[InnerFact], None]
Piece: TypeAlias = Delta | ToolCall | Usage
_TIMEOUT: Final = "timeout"


async def write(model: LanguageModel, prompt: Prompt, reply: int, report: Report) -> None:
    """Report what the model writes for `reply`. Cancelling closes the model's stream.

    A model that fails or pauses longer than the agent's `model_ms` is reported as failed.
    """
    try:
        await _write(model, prompt, reply, report)
    except ModelError as failed:
        report(ModelFailed(at_ms=now_ms(), reply=reply, kind=failed.kind))
    except TimeoutError:
        report(ModelFailed(at_ms=now_ms(), reply=reply, kind=_TIMEOUT))


async def _write(model: LanguageModel, prompt: Prompt, reply: int, report: Report) -> None:
    pause_s = prompt.agent.limits.model_ms / 1000
    async with aclosing(closable(model.write(prompt))) as stream:
        await tell(_paced(stream, pause_s), prompt.language, reply, report)


async def tell(
    pieces: AsyncIterator[Piece],
    language: str,
    reply: int,
    report: Report,
    by: Fallback | None = None,
) -> None:
    """Report the sentences of a stream as they are completed, and how it ended.

    `by`: whose stream it is, where not of the agent's first model.
    """
    cutter, usage = SentenceCutter(language), Usage(tokens_in=0, tokens_out=0)
    async for piece in pieces:
        match piece:
            case Delta(text=text):
                _report_sentences(cutter.feed(text), reply, report)
            case Usage():
                usage = piece
            case ToolCall():
                _report_sentences(cutter.rest(), reply, report)
                return report(await _called(piece, pieces, reply))
    rest = cutter.rest()
    _report_sentences(rest[:-1] if usage.cut else rest, reply, report)  # half a sentence is no use
    finished = ModelFinished(
        at_ms=now_ms(),
        reply=reply,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        provider=by.provider if by else "",
        model=by.model if by else "",
    )
    report(finished)


async def _called(call: ToolCall, pieces: AsyncIterator[Piece], reply: int) -> ModelCalledTool:
    """With what it cost, which comes last; the tool is asked for whatever becomes of that."""
    asked_ms, usage = now_ms(), Usage(tokens_in=0, tokens_out=0)
    with contextlib.suppress(ModelError, TimeoutError):
        async for piece in pieces:
            usage = piece if isinstance(piece, Usage) else usage
    return ModelCalledTool(
        at_ms=asked_ms,
        reply=reply,
        tool=call.name,
        arguments=call.arguments,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
    )


def unsaid(written: tuple[str, ...], report: Report) -> Report:
    """The same report without the sentences of the reply that were written before.

    A model that was told what it had written goes on from there, any other begins again: what the
    caller was told is not told twice.
    """
    left = list(written)

    def report_unsaid(fact: InnerFact) -> None:
        if isinstance(fact, ModelWrote):
            if left and left.pop(0) == fact.text:
                return
            left.clear()  # it goes its own way
        report(fact)

    return report_unsaid


def _report_sentences(sentences: list[str], reply: int, report: Report) -> None:
    for text in sentences:
        if any(map(str.isalnum, text)):  # dots alone would be silence, not an answer
            report(ModelWrote(at_ms=now_ms(), reply=reply, text=text))


async def _paced(stream: AsyncIterator[Piece], pause_s: float) -> AsyncIterator[Piece]:
    """The same pieces; raises TimeoutError when the next takes longer than `pause_s`."""
    while True:
        try:
            async with asyncio.timeout(pause_s):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        yield piece


def closable(stream: AsyncIterator[Piece]) -> AsyncGenerator[Piece]:
    """Every adapter writes its stream as an async generator, which can be closed early."""
    return cast(AsyncGenerator[Piece], stream)


def now_ms() -> int:
    """UNIX time in milliseconds."""
    return time.time_ns() // 1_000_000
