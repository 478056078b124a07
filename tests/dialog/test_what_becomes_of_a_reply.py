"""What the call is told of a model's stream: sentences, and an end that leaves no silence."""

from collections.abc import AsyncIterator

from msgspec.structs import replace
from prompts import prompt_for

from contracts.agent import Agent
from contracts.dialog import InnerFact, ModelCalledTool, ModelFailed, ModelFinished, ModelWrote
from services.dialog.provider import Capabilities, Delta, ModelError, Prompt, ToolCall, Usage
from services.dialog.writing import write

Piece = Delta | ToolCall | Usage


class Writes:
    """A model that writes these pieces, then fails if told to."""

    name = "writes"
    capabilities = Capabilities(streaming=True, tools=False)

    def __init__(self, *pieces: Piece, failing: str = "") -> None:
        self._pieces, self._failing = pieces, failing

    async def write(self, prompt: Prompt) -> AsyncIterator[Piece]:
        for piece in self._pieces:
            yield piece
        if self._failing:
            raise ModelError(self.name, self._failing, retryable=False)

    async def close(self) -> None:
        """Holds nothing."""


async def told(*pieces: Piece, failing: str = "") -> list[InnerFact]:
    """What the call is told, without the time of it."""
    facts: list[InnerFact] = []
    prompt = prompt_for("When do you open?", Agent(name="clinic"))
    await write(Writes(*pieces, failing=failing), prompt, 2, facts.append)
    return [replace(fact, at_ms=0) for fact in facts]


def wrote(text: str) -> ModelWrote:
    return ModelWrote(at_ms=0, reply=2, text=text)


def finished(tokens_in: int = 0, tokens_out: int = 0) -> ModelFinished:
    return ModelFinished(at_ms=0, reply=2, tokens_in=tokens_in, tokens_out=tokens_out)


async def test_a_reply_is_told_sentence_by_sentence_and_then_what_it_cost() -> None:
    pieces = (Delta("We open "), Delta("at nine. Come "), Delta("by."))
    assert await told(*pieces, Usage(tokens_in=41, tokens_out=5)) == [
        wrote("We open at nine."),
        wrote("Come by."),
        finished(41, 5),
    ]


async def test_of_a_reply_cut_at_its_limit_the_half_sentence_is_not_said() -> None:
    pieces = (Delta("We open at nine. We close at "), Usage(tokens_in=41, tokens_out=9, cut=True))
    assert await told(*pieces) == [wrote("We open at nine."), finished(41, 9)]


async def test_a_reply_of_dots_alone_counts_as_none_so_that_the_caller_hears_a_phrase() -> None:
    assert await told(Delta("... "), Delta("**")) == [finished()]


async def test_signs_of_any_language_are_words() -> None:
    assert await told(Delta("हाँ।")) == [wrote("हाँ।"), finished()]


async def test_a_model_that_withholds_its_reply_has_failed() -> None:
    assert await told(Delta("We open at nine. And "), failing="filtered") == [
        wrote("We open at nine."),
        ModelFailed(at_ms=0, reply=2, kind="filtered"),
    ]


async def test_a_tool_is_asked_for_with_what_the_asking_cost() -> None:
    facts = await told(
        Delta("One moment."),
        ToolCall(name="book", arguments={"day": "monday"}),
        Usage(tokens_in=900, tokens_out=12),
    )
    asked = ModelCalledTool(
        at_ms=0, reply=2, tool="book", arguments={"day": "monday"}, tokens_in=900, tokens_out=12
    )
    assert facts == [wrote("One moment."), asked]


async def test_a_tool_that_was_asked_for_is_run_though_the_stream_breaks_off() -> None:
    facts = await told(ToolCall(name="book", arguments={}), failing="disconnected")
    assert facts == [ModelCalledTool(at_ms=0, reply=2, tool="book", arguments={})]
