"""Answers begun before the caller's turn is over."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from eventually import eventually_async
from lines import LONG, LONG_SENTENCES, TENANT, Hosts, Line, a_line, an_agent, ended, killed, now_ms
from msgspec.structs import replace
from nats.aio.msg import Msg
from told import Piece, Told, calling_the_tool
from vendors.groq import Answer, groq_server

from contracts import dialog, line, passages
from contracts.agent import Fallback, Provider
from contracts.codec import Codec
from contracts.ids import DocumentId
from contracts.passages import Passage
from contracts.recorded import Message
from contracts.streams import question_subject
from infra.journal import NatsJournal
from infra.nats import Bus
from infra.sealing import MasterKey
from infra.vault import Vault
from services.dialog.provider import Delta, ModelError, Prompt, Usage
from services.dialog.providers.groq import Groq

HOURS = Passage(
    document=DocumentId("hours"), chunk=0, title="Opening hours", text="Nine to five.", score=1.0
)


class Slow(Told):
    """Writes word by word, a word each time it is let; tells when it is asked and when closed."""

    def __init__(self, text: str = LONG) -> None:
        super().__init__(self._answer)
        self.asked, self.closed = asyncio.Semaphore(0), asyncio.Semaphore(0)
        self._words = asyncio.Semaphore(0)
        self._text = text

    def write_words(self, count: int = 1_000) -> None:
        for _ in range(count):
            self._words.release()

    async def _answer(self, prompt: Prompt) -> AsyncIterator[Piece]:
        self.asked.release()
        try:
            for word in self._text.split():
                await self._words.acquire()
                yield Delta(f"{word} ")
            yield Usage(tokens_in=40, tokens_out=16)
        finally:
            self.closed.release()


async def soon(happened: asyncio.Semaphore) -> None:
    await asyncio.wait_for(happened.acquire(), 10)


async def discarded(call: Line) -> list[dialog.DraftDiscarded]:
    return [e for e in await call.decided() if isinstance(e, dialog.DraftDiscarded)]


def timeless(event: msgspec.Struct) -> dict[str, Any]:
    """An event without its times."""
    told = msgspec.to_builtins(event)
    return {name: value for name, value in told.items() if not name.endswith("_ms")}


async def story(call: Line) -> dict[str, list[Any]]:
    """All that is stored of a call, each family in order, but for times."""
    told: dict[str, list[Any]] = {}
    for recorded in await call.history():
        events = [timeless(event) for event in recorded.message.events]
        told.setdefault(recorded.family, []).append((recorded.message.epoch, events))
    return told


async def test_an_end_of_turn_with_the_words_of_the_draft_takes_what_was_prepared(
    bus: Bus, hosts: Hosts
) -> None:
    model = Slow()
    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=model)
        await call.greet()
        call.draft("hello there")
        await soon(model.asked)
        model.write_words()
        await soon(model.closed)
        await call.say("Hello there.")
        assert await call.hear() == " ".join(LONG_SENTENCES)
        await call.hang_up()
        await ended(hosting)
        assert len(model.prompts) == 1
        assert await discarded(call) == []
        finished = [e for e in await call.decided() if isinstance(e, dialog.ReplyFinished)]
        assert (finished[-1].tokens_in, finished[-1].tokens_out) == (40, 16)
        await call.adds_up()


async def test_the_first_of_several_models_prepares_and_its_answer_is_taken(
    bus: Bus, hosts: Hosts
) -> None:
    model, agent = Slow(), an_agent()
    llm = replace(agent.llm, fallbacks=(Fallback(provider="another"),))
    async with a_line(bus, replace(agent, llm=llm)) as call:
        hosting = hosts.start(call, model=model)
        await call.greet()
        call.draft("hello there")
        await soon(model.asked)
        await call.say("hello there")
        model.write_words()
        assert await call.hear() == " ".join(LONG_SENTENCES)
        await call.hang_up()
        await ended(hosting)
        assert len(model.prompts) == 1
        assert await discarded(call) == []
        await call.adds_up()


async def test_the_log_of_a_call_with_prepared_answers_is_that_of_one_without(
    bus: Bus, hosts: Hosts
) -> None:
    stories = []
    for eager in (False, True):
        model = Slow()
        async with a_line(bus, an_agent()) as call:
            hosting = hosts.start(call, model=model)
            await call.greet()
            if eager:
                call.draft("hello there")
                await soon(model.asked)
            model.write_words()
            await call.say("hello there")
            await call.hear()
            await call.hang_up()
            await ended(hosting)
            stories.append(await story(call))
    assert stories[0] == stories[1]


async def test_a_sentence_written_ahead_is_spoken_while_the_rest_is_still_written(
    bus: Bus, hosts: Hosts
) -> None:
    model = Slow()
    async with a_line(bus, an_agent()) as call:
        hosts.start(call, model=model)
        await call.greet()
        call.draft("hello there")
        await soon(model.asked)
        model.write_words(5)
        await call.say("hello there")
        sentence = await call.next(dialog.SentenceWritten)
        assert sentence.text == LONG_SENTENCES[0]
        model.write_words()
        assert await call.hear()
        assert len(model.prompts) == 1


async def test_speech_that_goes_on_stops_the_vendor_and_nobody_hears_of_it(
    bus: Bus, hosts: Hosts
) -> None:
    begun = asyncio.Event()

    async def script(answer: Answer) -> None:
        if "over" in answer.body["messages"][-1]["content"]:
            await answer.text("Of course.")
            await answer.finish()
        else:
            await answer.text("I am not ")
            begun.set()
            await asyncio.Event().wait()

    async with groq_server() as server:
        server.script = script
        model = Groq(server.key, server.url)
        agent = replace(an_agent(), llm=Provider(provider="scripted"))
        async with a_line(bus, agent) as call:
            hosting = hosts.start(call, model=model)
            await call.greet()
            call.draft("tell me")
            await asyncio.wait_for(begun.wait(), 10)
            call.draft("tell me over", eager=False)
            await server.answers[0].gone()
            (waste,) = [await call.next(dialog.DraftDiscarded)]
            assert (waste.reason, waste.tokens_out, waste.estimated) == ("resumed", 1, True)
            assert waste.tokens_in > 10
            await call.say("tell me over again")
            assert await call.hear() == "Of course."
            await call.hang_up()
            await ended(hosting)
            assert b"I am not" not in b"".join([r.payload for r in await call.history()])
            await call.adds_up()
        await model.close()


async def test_an_end_of_turn_with_other_words_is_answered_as_if_nothing_had_been_prepared(
    bus: Bus, hosts: Hosts
) -> None:
    model = Slow()
    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=model)
        await call.greet()
        call.draft("hello there")
        await soon(model.asked)
        await call.say("hello there you")
        await soon(model.asked)
        await soon(model.closed)
        model.write_words()
        assert await call.hear() == " ".join(LONG_SENTENCES)
        await call.hang_up()
        await ended(hosting)
        assert [p.history[-1].text for p in model.prompts] == ["hello there", "hello there you"]
        assert [waste.reason for waste in await discarded(call)] == ["changed"]
        await call.adds_up()


async def test_the_same_draft_told_again_is_prepared_once_and_another_instead(
    bus: Bus, hosts: Hosts
) -> None:
    model = Slow()
    async with a_line(bus, an_agent()) as call:
        hosts.start(call, model=model)
        await call.greet()
        for text in ("hello", "Hello.", "hello", "hello there"):
            call.draft(text)
        await soon(model.asked)
        await call.say("hello there")
        model.write_words()
        assert await call.hear()
        assert [p.history[-1].text for p in model.prompts][-1] == "hello there"
        assert len(model.prompts) <= 2  # one that is replaced at once may not even have begun


async def test_nothing_prepared_is_said_stored_or_told_on_the_bus_before_the_turn_is_over(
    bus: Bus, hosts: Hosts
) -> None:
    model = Slow("Secretly prepared.")
    heard: list[Msg] = []

    async def on_any(message: Msg) -> None:
        if b"Secretly" in message.data:
            heard.append(message)

    everything = await bus.nc.subscribe(">", cb=on_any)
    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=model)
        await call.greet()
        call.draft("hello there")
        await soon(model.asked)
        model.write_words()
        await soon(model.closed)
        before = await call.history()
        await bus.nc.flush()
        assert heard == []
        call.draft("hello there I", eager=False)
        assert (await call.next(dialog.DraftDiscarded)).tokens_out == 16
        await call.hang_up()
        await ended(hosting)
        await bus.nc.flush()
        assert heard == []
        assert before[-1].family == "dialog"
        assert isinstance(before[-1].message.events[-1], dialog.ReplyHeard)
    await everything.unsubscribe()


async def test_a_tool_asked_for_ahead_is_not_run_before_the_turn_is_over(
    bus: Bus, hosts: Hosts
) -> None:
    model = calling_the_tool()
    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=model)
        await call.greet()
        call.draft("hello there")
        await asked_times(model, 1)
        call.draft("hello there", eager=False)
        await call.next(dialog.DraftDiscarded)
        assert not [e for e in await call.decided() if isinstance(e, dialog.ToolCalled)]
        call.draft("hello there")
        await asked_times(model, 2)
        await call.say("hello there")
        await call.next(dialog.ToolCalled)
        assert len(model.prompts) == 2
        await call.hang_up()
        await ended(hosting)


async def test_a_model_that_fails_ahead_is_asked_again_when_the_turn_is_over(
    bus: Bus, hosts: Hosts
) -> None:
    async def fail_once(prompt: Prompt) -> AsyncIterator[Piece]:
        if len(model.prompts) == 1:
            raise ModelError("told", "rate_limited", retryable=True)
        yield Delta("Here I am.")

    model = Told(fail_once)
    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=model)
        await call.greet()
        call.draft("hello there")
        await asked_times(model, 1)
        await call.say("hello there")
        assert await call.hear() == "Here I am."
        await call.hang_up()
        await ended(hosting)
        (waste,) = await discarded(call)
        assert (waste.reason, waste.tokens_in, waste.tokens_out) == ("failed", 0, 0)


async def test_a_caller_who_speaks_over_a_prepared_reply_stops_the_model(
    bus: Bus, hosts: Hosts
) -> None:
    model = Slow()
    async with a_line(bus, an_agent()) as call:
        hosts.start(call, model=model)
        await call.greet()
        call.draft("hello there")
        await soon(model.asked)
        model.write_words(5)
        await call.say("hello there")
        await call.next(dialog.SentenceWritten)
        await call.tell(
            line.PlaybackCleared(
                at_ms=now_ms(), reply=2, sentence=1, played_ms=900, sentence_ms=900, whole=True
            )
        )
        await soon(model.closed)
        assert (await call.next(dialog.ReplyInterrupted)).heard == LONG_SENTENCES[0]
        assert await discarded(call) == []


async def test_words_over_a_reply_are_answered_ahead_with_what_was_heard_of_it(
    bus: Bus, hosts: Hosts
) -> None:
    model = Slow("First we open. Then we close.")
    async with a_line(bus, an_agent()) as call:
        hosts.start(call, model=model)
        await call.greet()
        await call.say("hello there")
        await soon(model.asked)
        model.write_words(4)
        await call.next(dialog.SentenceWritten)
        call.draft("and on sunday")
        await soon(model.asked)  # as if nothing had been heard
        await call.tell(
            line.PlaybackCleared(
                at_ms=now_ms(), reply=2, sentence=1, played_ms=900, sentence_ms=900, whole=True
            )
        )
        await soon(model.asked)  # the draft is the same and the conversation is not
        await call.say("and on sunday")
        model.write_words()
        assert await call.hear() == "First we open. Then we close."
        assert len(model.prompts) == 3
        assert [s.text for s in model.prompts[-1].history[-2:]] == [
            "First we open.",
            "and on sunday",
        ]


async def test_a_host_that_dies_over_a_prepared_answer_loses_nothing_but_that(
    bus: Bus, hosts: Hosts
) -> None:
    first, second = Slow(), Slow()
    async with a_line(bus, an_agent()) as call:
        dying = hosts.start(call, host="dialog-1", model=first)
        await call.greet()
        call.draft("hello there")
        await soon(first.asked)
        first.write_words(5)
        await killed(dying)
        await soon(first.closed)
        hosting = hosts.start(call, host="dialog-2", model=second)
        await call.say("hello there")
        second.write_words()
        assert await call.hear() == " ".join(LONG_SENTENCES)
        await call.hang_up()
        await ended(hosting)
        assert len(second.prompts) == 1
        await call.adds_up()


async def test_a_call_that_ends_tells_what_was_prepared_in_vain(bus: Bus, hosts: Hosts) -> None:
    model = Slow()
    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=model)
        await call.greet()
        call.draft("hello there")
        await soon(model.asked)
        await call.hang_up()
        await ended(hosting)
        await soon(model.closed)
        *_, waste, end = await call.decided()
        assert isinstance(waste, dialog.DraftDiscarded)
        assert waste.reason == "ended"
        assert isinstance(end, dialog.CallEnded)
        await call.adds_up()


@pytest.mark.parametrize("found", [True, False], ids=["the same", "other"])
async def test_a_question_is_answered_ahead_from_the_passages_it_will_have(
    bus: Bus, hosts: Hosts, found: bool
) -> None:
    model = Slow()
    async with a_line(bus, replace(an_agent(), knowledge="folder")) as call, knowing(call):
        hosting = hosts.start(call, model=model)
        await call.greet()
        call.draft("when do you open")
        await soon(model.asked)
        model.write_words()
        await call.say("when do you open")
        assert (await call.next(dialog.PassagesWanted)).question == "when do you open"
        await call.know(1, HOURS.text if found else "Never.")
        assert await call.hear() == " ".join(LONG_SENTENCES)
        await call.hang_up()
        await ended(hosting)
        assert [p.text for p in model.prompts[0].passages] == [HOURS.text]
        assert len(model.prompts) == (1 if found else 2)
        assert len(await discarded(call)) == (0 if found else 1)
        await call.adds_up()


async def test_a_question_that_no_worker_looks_up_ahead_is_asked_in_the_log_alone(
    bus: Bus, hosts: Hosts
) -> None:
    model = Slow()
    model.write_words()
    async with a_line(bus, replace(an_agent(), knowledge="folder")) as call:
        hosting = hosts.start(call, model=model)
        await call.greet()
        call.draft("when do you open")
        await call.say("when do you open")
        await call.next(dialog.PassagesWanted)
        await call.know(1, HOURS.text)
        assert await call.hear() == " ".join(LONG_SENTENCES)
        await call.hang_up()
        await ended(hosting)
        assert len(model.prompts) == 1
        assert await discarded(call) == []


async def test_the_drafts_and_questions_of_a_sealed_call_are_sealed_and_answered_ahead(
    bus: Bus, hosts: Hosts
) -> None:
    seen: list[str] = []

    async def on_any(message: Msg) -> None:
        if b"zebra" in message.data:
            seen.append(message.subject)

    vault = Vault(bus, MasterKey(os.urandom(64)))
    journal, model = NatsJournal(bus, Codec(vault)), Slow()
    agent = replace(an_agent(), knowledge="folder")
    everything = await bus.nc.subscribe(">", cb=on_any)
    async with a_line(bus, agent, journal) as call, knowing(call):
        await vault.begin(call.call)
        hosting = hosts.start(call, model=model, journal=journal)
        await call.greet()
        call.draft("where is the zebra")
        await soon(model.asked)
        model.write_words()
        await call.say("where is the zebra")
        await call.next(dialog.PassagesWanted)
        await call.know(1, HOURS.text)
        assert await call.hear() == " ".join(LONG_SENTENCES)
        await call.hang_up()
        await ended(hosting)
    await everything.unsubscribe()
    assert [p.history[-1].text for p in model.prompts] == ["where is the zebra"]
    assert seen == []


@asynccontextmanager
async def knowing(call: Line) -> AsyncIterator[None]:
    """A worker that finds HOURS for every question of a call that is asked beside the log."""

    async def answer(request: Msg) -> None:
        codec = call.journal.codec
        (asked,) = (await codec.read(call.call, request.data)).events
        assert isinstance(asked, dialog.PassagesWanted)
        found = passages.PassagesFound(
            at_ms=now_ms(), turn=asked.turn, passages=(HOURS,), took_ms=1.0
        )
        await request.respond(codec.encode(call.call, Message(by="rag", events=(found,))))

    subscription = await call.bus.nc.subscribe(question_subject(TENANT, call.call), cb=answer)
    yield
    await subscription.unsubscribe()


async def asked_times(model: Told, times: int) -> None:
    """The model has been asked so often."""

    async def so_often() -> bool:
        return len(model.prompts) == times

    await eventually_async(so_often)
