"""One call and its hosts: what each finds, does and leaves to the next."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from lines import LONG_SENTENCES, Hosts, a_line, an_agent, ended, killed, now_ms, sentences_of
from msgspec.structs import replace
from told import Piece, Told

from contracts import dialog, line
from contracts.event import OwnerClaimed
from contracts.ids import CallId, TenantId
from contracts.journal import Appended, WrongVersion
from contracts.recorded import Message
from contracts.streams import Family
from infra.journal import NatsJournal
from infra.nats import Bus
from services.call.actor import fact_digest
from services.call.state import Ended
from services.dialog.provider import Delta, Prompt


async def test_what_happened_before_the_host_came_is_not_lost(bus: Bus, hosts: Hosts) -> None:
    async with a_line(bus, an_agent()) as call:
        await call.ring()
        await call.tell(line.LineAnswered(at_ms=now_ms(), stream="MZ1"))
        await call.say("hello there")
        hosting = hosts.start(call)
        await call.next(dialog.TurnTaken)
        assert await call.hear() == " ".join(LONG_SENTENCES)
        await call.hang_up()
        await ended(hosting)
        await call.adds_up()


async def test_a_message_no_contract_covers_is_left_out_and_the_call_goes_on(
    bus: Bus, hosts: Hosts, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call)
        await call.greet()
        await call.garbage("transcript")
        await call.garbage("passages")
        await call.say("hello there")
        assert await call.hear() == " ".join(LONG_SENTENCES)
        await killed(hosting)
        successor = hosts.start(call, "dialog-2")
        assert (await call.next(OwnerClaimed)).epoch == 2
        await call.hang_up()
        await ended(successor)
    assert "is left out" in caplog.text


# Takeover


async def test_the_first_host_stops_when_a_second_has_claimed_the_call(
    bus: Bus, hosts: Hosts
) -> None:
    async with a_line(bus, an_agent()) as call:
        first = hosts.start(call, "dialog-1")
        await call.greet()
        second = hosts.start(call, "dialog-2")
        assert (await call.next(OwnerClaimed)).epoch == 2
        await call.say("hello there")
        with pytest.raises(WrongVersion):
            await ended(first)
        assert await call.hear() == " ".join(LONG_SENTENCES)
        await call.hang_up()
        await ended(second)
        assert await sentences_of(call) == LONG_SENTENCES
        await call.adds_up()


async def test_a_reply_cut_short_by_its_hosts_death_is_written_to_its_end_and_nothing_twice(
    bus: Bus, hosts: Hosts
) -> None:
    async def die_in_the_middle(prompt: Prompt) -> AsyncIterator[Piece]:
        yield Delta(" ".join(LONG_SENTENCES[:2]) + " ")
        yield Delta("Later ")
        await asyncio.Event().wait()

    async with a_line(bus, an_agent()) as call:
        first = hosts.start(call, "dialog-1", Told(die_in_the_middle))
        await call.greet()
        await call.say("hello there")
        await call.next(dialog.SentenceWritten)
        await call.next(dialog.SentenceWritten)
        await killed(first)
        second = hosts.start(call, "dialog-2")
        await call.hear()
        assert await sentences_of(call) == LONG_SENTENCES
        await call.say("hello again")
        await call.hear()
        await call.hang_up()
        await ended(second)
        assert isinstance(await call.adds_up(), Ended)


async def test_what_was_said_while_nobody_hosted_the_call_is_answered_by_the_next_host(
    bus: Bus, hosts: Hosts
) -> None:
    async with a_line(bus, an_agent()) as call:
        first = hosts.start(call, "dialog-1")
        await call.greet()
        await killed(first)
        await call.say("hello there")
        second = hosts.start(call, "dialog-2")
        assert await call.hear() == " ".join(LONG_SENTENCES)
        await call.hang_up()
        await ended(second)
        await call.adds_up()


async def test_passages_found_before_a_takeover_still_serve_the_answer(
    bus: Bus, hosts: Hosts
) -> None:
    async def never(prompt: Prompt) -> AsyncIterator[Piece]:
        await asyncio.Event().wait()
        yield Delta("")

    async def answer(prompt: Prompt) -> AsyncIterator[Piece]:
        yield Delta(prompt.passages[0].text)

    async with a_line(bus, replace(an_agent(), knowledge="folder")) as call:
        first = hosts.start(call, "dialog-1", Told(never))
        await call.greet()
        await call.say("when do you open")
        await call.next(dialog.PassagesWanted)
        await call.know(1, "We open at nine.")
        await call.next(dialog.PassagesTaken)
        await killed(first)
        second = hosts.start(call, "dialog-2", Told(answer))
        assert await call.hear() == "We open at nine."
        await call.hang_up()
        await ended(second)


async def test_a_call_that_has_ended_is_let_go_at_once(bus: Bus, hosts: Hosts) -> None:
    async with a_line(bus, an_agent()) as call:
        first = hosts.start(call, "dialog-1")
        await call.greet()
        await call.hang_up()
        await ended(first)
        await ended(hosts.start(call, "dialog-2"))
        decided = await call.decided()
        assert sum(isinstance(e, dialog.CallEnded) for e in decided) == 1


async def test_a_model_that_can_go_on_from_what_was_written_is_told_it_and_repeats_nothing(
    bus: Bus, hosts: Hosts
) -> None:
    async def die_in_the_middle(prompt: Prompt) -> AsyncIterator[Piece]:
        yield Delta(" ".join(LONG_SENTENCES[:2]) + " ")
        yield Delta("Later ")
        await asyncio.Event().wait()

    async def go_on(prompt: Prompt) -> AsyncIterator[Piece]:
        yield Delta(" ".join(LONG_SENTENCES).removeprefix(prompt.begun))

    async with a_line(bus, an_agent()) as call:
        first = hosts.start(call, "dialog-1", Told(die_in_the_middle))
        await call.greet()
        await call.say("hello there")
        await call.next(dialog.SentenceWritten)
        await call.next(dialog.SentenceWritten)
        await killed(first)
        model = Told(go_on)
        second = hosts.start(call, "dialog-2", model)
        await call.hear()
        assert model.prompts[0].begun == " ".join(LONG_SENTENCES[:2])
        assert await sentences_of(call) == LONG_SENTENCES
        await call.hang_up()
        await ended(second)
        await call.adds_up()


async def test_a_line_that_breaks_amid_a_reply_stops_the_model_until_the_caller_is_back(
    bus: Bus, hosts: Hosts
) -> None:
    stopped = asyncio.Event()

    async def write_slowly(prompt: Prompt) -> AsyncIterator[Piece]:
        try:
            yield Delta(" ".join(LONG_SENTENCES[:2]) + " Later ")
            if not prompt.begun:
                await asyncio.Event().wait()
            yield Delta("we rest. In the end we close.")
        finally:
            stopped.set()

    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call, model=Told(write_slowly))
        await call.greet()
        await call.say("hello there")
        await call.next(dialog.SentenceWritten)
        await call.next(dialog.SentenceWritten)
        await call.tell(line.LineLost(at_ms=now_ms(), reason="reset", reply=2, sentence=1))
        await call.next(dialog.CallerLost)
        await asyncio.wait_for(stopped.wait(), 5)
        await call.tell(line.LineResumed(at_ms=now_ms(), stream="MZ2"))
        assert (await call.next(dialog.ReplyInterrupted)).heard == LONG_SENTENCES[0]
        rest = " ".join(LONG_SENTENCES[1:])
        assert await call.hear() == f"{call.agent.phrases.back} {rest}"
        await call.hang_up()
        await ended(hosting)
        await call.adds_up()


async def test_every_fact_of_a_call_is_named_by_a_decision_whoever_hosted_it(
    bus: Bus, hosts: Hosts
) -> None:
    async with a_line(bus, an_agent()) as call:
        first = hosts.start(call, "dialog-1")
        await call.greet()
        await killed(first)
        await call.tell(line.SpeechStarted(at_ms=now_ms(), utterance=1, first_frame=1))
        await call.say("hello there")
        second = hosts.start(call, "dialog-2")
        await call.hear()
        await call.hang_up()
        await ended(second)
        history = await call.history()
    named = [
        (fact.sequence, fact.digest)
        for recorded in history
        if recorded.message.decision
        for fact in recorded.message.decision.facts
    ]
    told = [(r.sequence, fact_digest(r.payload)) for r in history if r.family != "dialog"]
    assert named == told


async def test_a_clock_that_is_set_forward_ends_no_call(bus: Bus, hosts: Hosts) -> None:
    async with a_line(bus, an_agent()) as call:
        hosting = hosts.start(call)
        await call.ring(hours_ago=5)
        await call.tell(line.LineAnswered(at_ms=now_ms(), stream="MZ1"))
        await call.hear()
        await call.say("hello there")
        assert await call.hear() == " ".join(LONG_SENTENCES)
        await call.hang_up()
        await ended(hosting)
        state = await call.adds_up()
        assert isinstance(state, Ended)
        assert state.reason == "caller_hung_up"


async def test_a_call_that_has_ended_is_taken_over_by_nobody(bus: Bus, hosts: Hosts) -> None:
    """Its claim comes again where the server that was told of its end died with that."""
    async with a_line(bus, an_agent()) as call:
        first = hosts.start(call, "dialog-1")
        await call.greet()
        await call.hang_up()
        await ended(first)
        before = len(await call.history())
        await ended(hosts.start(call, "dialog-2"))
        assert len(await call.history()) == before


class DyingAfter(NatsJournal):
    """The log of a host that dies after so many decisions."""

    def __init__(self, bus: Bus, appends: int) -> None:
        super().__init__(bus)
        self.left = appends

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
        if family == "dialog":
            if not self.left:
                await asyncio.Event().wait()
            self.left -= 1
        return await super().append(tenant, call, family, message, id=id, after=after)


async def test_of_facts_told_together_a_dead_hosts_successor_takes_the_rest(
    bus: Bus, hosts: Hosts
) -> None:
    """The line is lost and resumed in one message; the host dies between the two decisions."""
    async with a_line(bus, an_agent()) as call:
        dying = DyingAfter(bus, appends=5)  # claimed, opened, greeted, heard, lost
        first = hosts.start(call, "dialog-1", journal=dying)
        await call.greet()
        lost = line.LineLost(at_ms=now_ms(), reason="reset")
        await call.tell(lost, line.LineResumed(at_ms=now_ms(), stream="MZ2"))
        await call.next(dialog.CallerLost)
        await killed(first)
        second = hosts.start(call, "dialog-2")
        assert (await call.next(dialog.CallerReturned)).stint == 2
        assert await call.hear() == call.agent.phrases.back
        await call.hang_up()
        await ended(second)
        await call.adds_up()
