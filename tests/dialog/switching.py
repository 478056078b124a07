"""Models on loopback that fail in the middle of a reply, and what a call's writers make of it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from prompts import prompt_for
from vendors.groq import Answer, GroqServer, groq_server

from contracts.agent import Agent, Fallback, Provider
from contracts.dialog import InnerFact, ModelFailed, ModelFinished, ModelGaveWay, ModelWrote
from infra.chain import Breakers
from services.dialog.provider import LanguageModel
from services.dialog.providers.groq import Groq
from services.dialog.switching import Writers

Script = Callable[[Answer], Awaitable[None]]
ONE, TWO = "We are open from nine.", "On Sunday we are closed."


class Pair(NamedTuple):
    """Two accounts at the same vendor, at two addresses."""

    first: GroqServer
    second: GroqServer
    models: Mapping[str, LanguageModel]


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    async with groq_server() as first, groq_server() as second:
        one, another = Groq(first.key, first.url), Groq(second.key, second.url)
        try:
            yield Pair(first, second, {"first": one, "second": another})
        finally:
            await one.close()
            await another.close()


def agent(*fallbacks: str, **waits_ms: int) -> Agent:
    """Asks 'first', then the others; waits long for each, where nothing else is said."""
    chain = tuple(Fallback(provider=name) for name in fallbacks)
    waits: dict[str, Any] = {"first_ms": 5_000, "stall_ms": 5_000, **waits_ms}
    return Agent(name="a", llm=Provider(provider="first", fallbacks=chain, **waits))


class Telling:
    """A call's writers and all they report."""

    def __init__(
        self,
        agent: Agent,
        models: Mapping[str, LanguageModel],
        breakers: Breakers | None = None,
    ) -> None:
        self.agent = agent
        self.facts: list[InnerFact] = []
        self.writers = Writers(agent, models, breakers or Breakers())

    async def reply(self, number: int = 1, written: tuple[str, ...] = ()) -> None:
        prompt = prompt_for("when are you open", self.agent)
        await self.writers.write(prompt, number, written, self.facts.append)

    @property
    def sentences(self) -> list[str]:
        return [fact.text for fact in self.facts if isinstance(fact, ModelWrote)]

    @property
    def switches(self) -> list[ModelGaveWay]:
        return [fact for fact in self.facts if isinstance(fact, ModelGaveWay)]

    @property
    def end(self) -> ModelFinished | ModelFailed:
        last = self.facts[-1]
        assert isinstance(last, ModelFinished | ModelFailed)
        return last


async def says_both(answer: Answer) -> None:
    await answer.text(f"{ONE} {TWO}")
    await answer.finish()


async def says_the_second(answer: Answer) -> None:
    """As one does who is told what it has said already."""
    await answer.text(f" {TWO}")
    await answer.finish()


async def is_silent(answer: Answer) -> None:
    await answer.gone()


async def stalls_after_one(answer: Answer) -> None:
    await answer.text(f"{ONE} On Sun")
    await answer.gone()


async def breaks_off_after_one(answer: Answer) -> None:
    await answer.text(f"{ONE} On Sun")
    answer.break_off()
