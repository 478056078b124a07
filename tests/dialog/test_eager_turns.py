"""Answers begun before the caller's turn is over."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from eager import Slow, asked_times, discarded, soon
from lines import LONG_SENTENCES, TENANT, Hosts, Line, a_line, an_agent, ended, now_ms
from msgspec.structs import replace
from nats.aio.msg import Msg
from told import calling_the_tool

from contracts import dialog, line, passages
from contracts.agent import Fallback
from contracts.codec import Codec
from contracts.ids import DocumentId
from contracts.passages import Passage
from contracts.recorded import Message
from contracts.streams import question_subject
from infra.journal import NatsJournal
from infra.nats import Bus
from infra.sealing import MasterKey
from infra.vault import Vault

HOURS = Passage(
    document=DocumentId("hours"), chunk=0, title="Opening hours", text="Nine to five.", score=1.0
)


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
