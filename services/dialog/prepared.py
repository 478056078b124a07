"""One answer that is written before the caller's turn is over, and kept until it is wanted."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

import msgspec
from msgspec.structs import replace

from contracts.agent import Agent
from contracts.dialog import Discarded, DraftDropped, PassagesWanted
from contracts.passages import Passage
from contracts.transcript import TranscriptDrafted
from infra.cancelling import end_tasks, stop_if_cancelled
from services.call.foresee import Foreseen
from services.dialog.prompt import prompt
from services.dialog.provider import Delta, LanguageModel, Prompt, Usage
from services.dialog.writing import Piece, closable

Ask = Callable[[PassagesWanted], Awaitable[tuple[Passage, ...] | None]]
"""What the knowledge holds; None: it did not answer."""

_WORD: Final = re.compile(r"[\w']+|\?")  # a question mark may be all that makes it a question
_CHARACTERS_A_TOKEN: Final = 4  # of English, about, with the tokenizers in use


class Prepared:
    """The answer to a draft, as far as the model has written it.

    Cancel `task`, which closes the model's stream, or take the `pieces`: nothing leaves before.
    """

    def __init__(
        self,
        draft: TranscriptDrafted,
        foreseen: Foreseen,
        agent: Agent,
        model: LanguageModel,
        ask: Ask,
    ) -> None:
        self.draft: Final = draft
        self._foreseen, self._agent, self._model, self._ask = foreseen, agent, model, ask
        self._outline = prompt(foreseen.talk, agent, ())  # all the model is told, but for passages
        self._prompt: Prompt | None = None  # that the model was given; None: none so far
        self._pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        self._deltas, self._usage = 0, Usage(tokens_in=0, tokens_out=0)
        self.task: Final = asyncio.create_task(self._write())

    def outlines(self, foreseen: Foreseen) -> bool:
        """Whether it is just this that is being prepared."""
        return _alike(self._outline, prompt(foreseen.talk, self._agent, ()))

    def answers(self, wanted: Prompt) -> bool:
        """Whether this is what the model would be asked to write now, and all goes well."""
        if self._prompt is None or failure_of(self.task):
            return False
        return _alike(self._prompt, wanted)

    async def pieces(self) -> AsyncGenerator[Piece]:
        """What there is already, then the rest as it comes. Closing it stops the model.

        Raises: what the model raised.
        """
        try:
            while (piece := await self._pieces.get()) is not None:
                yield piece
            await self.task
        finally:
            await end_tasks([self.task])

    def wasted(self, reason: Discarded) -> DraftDropped | None:
        """What it has cost; None: nothing, for the model was not asked yet.

        A model that is stopped does not tell what it has read and written. Then a token counts for
        each piece of text, as most vendors send them, and for four characters of the prompt.
        """
        if self._prompt is None:
            return None
        failed = failure_of(self.task)
        spent, told = self._usage, bool(self._usage.tokens_in)
        if not told and (self._deltas or not failed):  # else it was refused
            read = _characters(self._prompt) // _CHARACTERS_A_TOKEN
            spent = Usage(tokens_in=read, tokens_out=self._deltas)
        return DraftDropped(
            at_ms=time.time_ns() // 1_000_000,
            utterance=self.draft.utterance,
            reason="failed" if failed else reason,
            tokens_in=spent.tokens_in,
            tokens_out=spent.tokens_out,
            estimated=not told and bool(spent.tokens_in),
        )

    async def _write(self) -> None:
        try:
            passages = await self._look_up()
            stop_if_cancelled()
            if passages is not None:
                self._prompt = prompt(self._foreseen.talk, self._agent, passages)
                await self._read(self._prompt)
        finally:
            self._pieces.put_nowait(None)

    async def _look_up(self) -> tuple[Passage, ...] | None:
        question = self._foreseen.question
        return () if question is None else await self._ask(question)

    async def _read(self, given: Prompt) -> None:
        async with aclosing(closable(self._model.write(given))) as stream:
            async for piece in stream:
                if isinstance(piece, Usage):
                    self._usage = piece
                elif isinstance(piece, Delta):
                    self._deltas += 1
                self._pieces.put_nowait(piece)


def failure_of(task: "asyncio.Task[None]") -> str:
    """The class of the error that ended it, never its text; empty: none did."""
    if not task.done() or task.cancelled():
        return ""
    failure = task.exception()
    return str(getattr(failure, "kind", type(failure).__name__)) if failure else ""


def _alike(one: Prompt, other: Prompt) -> bool:
    """Whether a model is told the same; of what is answered the words count, not their spelling."""
    return _spelled_alike(one) == _spelled_alike(other)


def _spelled_alike(given: Prompt) -> Prompt:
    if not given.history:
        return given
    *before, newest = given.history
    words = " ".join(_WORD.findall(newest.text.lower()))
    agent = replace(given.agent, llm=replace(given.agent.llm, fallbacks=()))  # as adapters see it
    return replace(given, agent=agent, history=(*before, replace(newest, text=words)))


def _characters(given: Prompt) -> int:
    told = [given.system, *(spoken.text for spoken in given.history)]
    tools = msgspec.json.encode(given.agent.tools) if given.agent.tools else b""
    return sum(map(len, told)) + len(tools)
