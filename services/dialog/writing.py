"""A model's stream turned into facts: sentences as they are completed, tools, the end."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final, cast

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
_TIMEOUT: Final = "timeout"


async def write(model: LanguageModel, prompt: Prompt, reply: int, report: Report) -> None:
    """Report what the model writes for `reply`. Cancelling closes the model's stream.

    A model that fails or pauses longer than the agent's `model_ms` is reported as failed.
    """
    try:
        await _write(model, prompt, reply, report)
    except ModelError as failed:
        report(ModelFailed(at_ms=_now_ms(), reply=reply, kind=failed.kind))
    except TimeoutError:
        report(ModelFailed(at_ms=_now_ms(), reply=reply, kind=_TIMEOUT))


async def _write(model: LanguageModel, prompt: Prompt, reply: int, report: Report) -> None:
    cutter, usage = SentenceCutter(prompt.language), Usage(tokens_in=0, tokens_out=0)
    pause_s = prompt.agent.limits.model_ms / 1000
    async with aclosing(_closable(model.write(prompt))) as stream:
        async for piece in _paced(stream, pause_s):
            match piece:
                case Delta(text=text):
                    _report_sentences(cutter.feed(text), reply, report)
                case Usage():
                    usage = piece
                case ToolCall(name=name, arguments=arguments):
                    _report_sentences(cutter.rest(), reply, report)
                    report(
                        ModelCalledTool(
                            at_ms=_now_ms(), reply=reply, tool=name, arguments=arguments
                        )
                    )
                    return
    rest = cutter.rest()
    _report_sentences(rest[:-1] if usage.cut else rest, reply, report)  # half a sentence is no use
    finished = ModelFinished(
        at_ms=_now_ms(), reply=reply, tokens_in=usage.tokens_in, tokens_out=usage.tokens_out
    )
    report(finished)


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
            report(ModelWrote(at_ms=_now_ms(), reply=reply, text=text))


async def _paced(
    stream: AsyncIterator[Delta | ToolCall | Usage], pause_s: float
) -> AsyncIterator[Delta | ToolCall | Usage]:
    """The same pieces; raises TimeoutError when the next takes longer than `pause_s`."""
    while True:
        try:
            async with asyncio.timeout(pause_s):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        yield piece


def _closable(
    stream: AsyncIterator[Delta | ToolCall | Usage],
) -> AsyncGenerator[Delta | ToolCall | Usage, None]:
    """Every adapter writes its stream as an async generator, which can be closed early."""
    return cast(AsyncGenerator[Delta | ToolCall | Usage, None], stream)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
