"""One call's host and its model."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from lines import LONG_SENTENCES, Hosts, Line, a_line, an_agent, ended, now_ms, sentences_of
from msgspec.structs import replace
from told import Piece, Told

from contracts import dialog, line
from contracts.agent import Provider
from contracts.ids import CallId, TenantId
from contracts.journal import Appended, WrongVersion
from contracts.recorded import Message
from contracts.streams import Family
from infra.journal import NatsJournal
from infra.nats import Bus
from services.call.state import Ended
from services.dialog.provider import Delta, ModelError, Prompt, Usage


async def test_a_sentence_is_a_decision_of_its_own_while_the_next_is_being_written(
    bus: Bus, hosts: Hosts
) -> None:
    first_is_stored = asyncio.Event()

    async def write(prompt: Prompt) -> AsyncIterator[Piece]:
        yield Delta("One moment. Let ")
        await first_is_stored.wait()
        yield Delta("me see.")

    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=Told(write))
        await call.greet()
        await call.say("hello there")
        assert (await call.next(dialog.SentenceWritten)).text == "One moment."
        first_is_stored.set()
        assert (await call.next(dialog.SentenceWritten)).text == "Let me see."
        await call.hang_up()
        await ended(hosting)
        assert await decisions_of_an_answer(call) == [
            ["ReplyBegun", "SentenceWritten"],
            ["SentenceWritten", "ReplyFinished"],
        ]
        assert isinstance(await call.adds_up(), Ended)


async def test_what_a_model_writes_at_once_is_one_decision(bus: Bus, hosts: Hosts) -> None:
    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call)
        await call.greet()
        await call.say("hello there")
        assert await call.hear() == " ".join(LONG_SENTENCES)
        await call.hang_up()
        await ended(hosting)
        assert await sentences_of(call) == LONG_SENTENCES
        (decision,) = await decisions_of_an_answer(call)
        assert decision == ["ReplyBegun", *["SentenceWritten"] * 4, "ReplyFinished"]
        assert isinstance(await call.adds_up(), Ended)


async def decisions_of_an_answer(call: Line) -> list[list[str]]:
    """The events of each message by which an answer, no fixed phrase, was written."""
    told = [r.message for r in await call.history() if r.message.decision]
    return [
        [type(event).__name__ for event in message.events]
        for message in told
        if message.decision and isinstance(message.decision.cause, dialog.ModelWrote)
    ]


async def test_the_model_is_told_the_conversation_and_the_passages(bus: Bus, hosts: Hosts) -> None:
    async def answer(prompt: Prompt) -> AsyncIterator[Piece]:
        yield Delta("At nine.")
        yield Usage(tokens_in=21, tokens_out=3)

    model = Told(answer)
    async with a_line(bus, replace(an_agent(), knowledge="folder", prompt="Be brief.")) as call:
        hosting = hosts.start(call, model=model)
        await call.greet()
        await call.say("when do you open")
        await call.next(dialog.PassagesWanted)
        await call.know(1, "We open at nine.")
        finished = await call.next(dialog.ReplyFinished)
        assert (finished.tokens_in, finished.tokens_out) == (21, 3)
        await call.hang_up()
        await ended(hosting)
    (prompt,) = model.prompts
    assert [(s.by, s.text) for s in prompt.history] == [
        ("agent", "Hello."),
        ("caller", "when do you open"),
    ]
    assert [p.text for p in prompt.passages] == ["We open at nine."]
    assert prompt.system.startswith("Be brief.")
    assert "We open at nine." in prompt.system


async def test_a_model_that_fails_gets_the_caller_a_phrase(bus: Bus, hosts: Hosts) -> None:
    async def fail(prompt: Prompt) -> AsyncIterator[Piece]:
        raise ModelError("told", "rate_limited", retryable=True)
        yield Delta("")

    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=Told(fail))
        await call.greet()
        await call.say("hello there")
        assert await call.hear() == call.agent.phrases.failed
        await call.hang_up()
        await ended(hosting)
        await call.adds_up()


async def test_a_model_with_a_fault_of_its_own_gets_the_caller_a_phrase_too(
    bus: Bus, hosts: Hosts
) -> None:
    async def break_down(prompt: Prompt) -> AsyncIterator[Piece]:
        yield Delta("One moment. Let ")
        raise ZeroDivisionError

    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=Told(break_down))
        await call.greet()
        await call.say("hello there")
        assert await call.hear() == f"One moment. {call.agent.phrases.failed}"
        await call.hang_up()
        await ended(hosting)
        await call.adds_up()


async def test_a_model_that_stalls_is_given_up_after_the_agents_limit(
    bus: Bus, hosts: Hosts
) -> None:
    closed = asyncio.Event()

    async def stall(prompt: Prompt) -> AsyncIterator[Piece]:
        try:
            yield Delta("One moment. Let me ")
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with a_line(bus, an_agent(model_ms=500)) as call:
        hosting = hosts.start(call, model=Told(stall))
        await call.greet()
        await call.say("hello there")
        assert await call.hear() == f"One moment. {call.agent.phrases.failed}"
        assert closed.is_set()
        await call.hang_up()
        await ended(hosting)


async def test_a_model_nobody_set_up_gets_the_caller_a_phrase(bus: Bus, hosts: Hosts) -> None:
    async with a_line(bus, replace(an_agent(), llm=Provider(provider="absent"))) as call:
        hosting = hosts.start(call)
        await call.greet()
        await call.say("hello there")
        assert await call.hear() == call.agent.phrases.failed
        await call.hang_up()
        await ended(hosting)


async def test_a_barge_in_stops_the_model(bus: Bus, hosts: Hosts) -> None:
    stopped = asyncio.Event()

    async def go_on(prompt: Prompt) -> AsyncIterator[Piece]:
        try:
            yield Delta("First this. Then ")
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=Told(go_on))
        await call.greet()
        await call.say("hello there")
        written = await call.next(dialog.SentenceWritten)
        cleared = line.PlaybackCleared(
            at_ms=now_ms(), reply=written.reply, sentence=1, played_ms=9, sentence_ms=9
        )
        await call.tell(cleared)
        assert (await call.next(dialog.ReplyInterrupted)).heard == "First this."
        await asyncio.wait_for(stopped.wait(), 5)
        await call.hang_up()
        await ended(hosting)


class Storing(NatsJournal):
    """The real log; a turn is stored once it is let, or then belongs to another owner."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus)
        self.may_store, self.lost = asyncio.Event(), False

    async def append(
        self,
        tenant: TenantId,
        call: CallId,
        family: Family,
        message: Message,
        *,
        id: str,
        after: int | None = None,
    ) -> Appended:
        if any(isinstance(e, dialog.TurnTaken) for e in message.events):
            await self.may_store.wait()
            if self.lost:
                raise WrongVersion("dialog")
        return await super().append(tenant, call, family, message, id=id, after=after)


async def test_the_model_is_asked_while_the_turn_is_being_stored(bus: Bus, hosts: Hosts) -> None:
    journal = Storing(bus)

    async def answer(prompt: Prompt) -> AsyncIterator[Piece]:
        yield Delta("At nine.")
        journal.may_store.set()

    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=Told(answer), journal=journal)
        await call.greet()
        await call.say("when do you open")
        assert await call.hear() == "At nine."
        await call.hang_up()
        await ended(hosting)
        assert isinstance(await call.adds_up(), Ended)


async def test_what_a_model_says_to_a_turn_that_was_not_stored_is_not_heard(
    bus: Bus, hosts: Hosts
) -> None:
    journal, closed = Storing(bus), asyncio.Event()
    journal.lost = True

    async def answer(prompt: Prompt) -> AsyncIterator[Piece]:
        try:
            yield Delta("At nine. And ")
            journal.may_store.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=Told(answer), journal=journal)
        await call.greet()
        await call.say("when do you open")
        with pytest.raises(WrongVersion):
            await ended(hosting)
        assert closed.is_set()
        assert await sentences_of(call) == []
        assert not any(isinstance(event, dialog.TurnTaken) for event in await call.decided())


class Announcing(NatsJournal):
    """The real log; says when the decision about the caller's second turn is on its way."""

    second_turn: asyncio.Event

    async def append(
        self,
        tenant: TenantId,
        call: CallId,
        family: Family,
        message: Message,
        *,
        id: str,
        after: int | None = None,
    ) -> Appended:
        if any(isinstance(e, dialog.TurnTaken) and e.turn == 2 for e in message.events):
            self.second_turn.set()
        return await super().append(tenant, call, family, message, id=id, after=after)


async def test_words_written_for_a_turn_gone_by_do_not_answer_the_next(
    bus: Bus, hosts: Hosts
) -> None:
    """The model finishes just while the caller's next words are being recorded."""
    journal = Announcing(bus)
    journal.second_turn = asyncio.Event()

    async def answer(prompt: Prompt) -> AsyncIterator[Piece]:
        if prompt.history[-1].text == "hello there":
            await journal.second_turn.wait()
            yield Delta("That was too late.")
        else:
            yield Delta("This is in time.")

    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=Told(answer), journal=journal)
        await call.greet()
        await call.say("hello there")
        await call.next(dialog.TurnTaken)
        await call.say("good morning")
        assert await call.hear() == "This is in time."
        await call.hang_up()
        await ended(hosting)
        await call.adds_up()
