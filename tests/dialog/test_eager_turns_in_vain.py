"""Answers begun before the caller's turn is over, and not needed or cut short."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from eager import Slow, asked_times, discarded, soon
from lines import LONG_SENTENCES, Hosts, a_line, an_agent, ended, killed, now_ms
from msgspec.structs import replace
from told import Piece, Told
from vendors.groq import Answer, groq_server

from contracts import dialog, line
from contracts.agent import Provider
from infra.nats import Bus
from services.dialog.provider import Delta, ModelError, Prompt
from services.dialog.providers.groq import Groq


class Begun(Groq):
    """Tells when what it wrote first has been taken."""

    def __init__(self, key: str, url: str) -> None:
        super().__init__(key, url)
        self.taken = asyncio.Event()

    async def write(self, prompt: Prompt) -> AsyncIterator[Piece]:
        async with aclosing(super().write(prompt)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                yield piece
                self.taken.set()


async def test_speech_that_goes_on_stops_the_vendor_and_nobody_hears_of_it(
    bus: Bus, hosts: Hosts
) -> None:
    async def script(answer: Answer) -> None:
        if "over" in answer.body["messages"][-1]["content"]:
            await answer.text("Of course.")
            await answer.finish()
        else:
            await answer.text("I am not ")
            await asyncio.Event().wait()

    async with groq_server() as server:
        server.script = script
        model = Begun(server.key, server.url)
        agent = replace(an_agent(), llm=Provider(provider="scripted"))
        async with a_line(bus, agent) as call:
            hosting = hosts.start(call, model=model)
            await call.greet()
            call.draft("tell me")
            await asyncio.wait_for(model.taken.wait(), 10)
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
