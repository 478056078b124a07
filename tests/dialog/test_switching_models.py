"""A model fails in the middle of a reply, and the next one goes on with it."""

import asyncio
from collections.abc import Callable

import pytest
from eventually import eventually_async
from switching import (
    ONE,
    TWO,
    Pair,
    Telling,
    agent,
    breaks_off_after_one,
    is_silent,
    pair,
    says_both,
    says_the_second,
    stalls_after_one,
)
from vendors.groq import Answer, error
from vendors.serving import Refusal

from contracts.dialog import ModelFailed, ModelFinished
from infra.breaker import Closed, Open
from infra.chain import Breakers
from services.dialog.providers.groq import Groq
from services.dialog.providers.rules import Rules
from services.dialog.providers.scripted import Scripted

pytestmark = pytest.mark.timeout(20)

REFUSALS = {
    "a key that is rejected": (error(401, "invalid_api_key"), "unauthorized"),
    "a server that is down": (Refusal(503, {}), "unavailable"),
    "too many requests": (error(429, "rate_limit_exceeded"), "rate_limited"),
    "a request that is refused": (error(400, "invalid_request"), "refused"),
}


@pytest.mark.parametrize(("refusal", "kind"), REFUSALS.values(), ids=REFUSALS)
async def test_the_next_model_answers_when_the_first_is_refused(
    refusal: Refusal, kind: str
) -> None:
    async with pair() as vendors:
        vendors.first.refusal, vendors.second.script = refusal, says_both
        told = Telling(agent("second"), vendors.models)
        await told.reply()
    (switch,) = told.switches
    assert (switch.from_provider, switch.to_provider) == ("first", "second")
    assert (switch.kind, switch.stage, switch.reply) == (kind, "first", 1)
    assert told.sentences == [ONE, TWO]
    assert isinstance(told.end, ModelFinished)
    assert told.end.provider == "second"


async def test_the_next_model_answers_when_nobody_listens_at_the_firsts_address() -> None:
    async with pair() as vendors:
        vendors.second.script = says_both
        gone = Groq("key", "http://127.0.0.1:9")
        told = Telling(agent("second"), {**vendors.models, "first": gone})
        await told.reply()
        await gone.close()
    assert [(each.kind, each.stage) for each in told.switches] == [("unreachable", "connect")]
    assert told.sentences == [ONE, TWO]


async def test_a_model_without_a_first_word_in_time_gives_way_and_is_hung_up_on() -> None:
    async with pair() as vendors:
        vendors.first.script, vendors.second.script = is_silent, says_both
        told = Telling(agent("second", first_ms=500), vendors.models)
        await told.reply()
        (hung_up,) = vendors.first.answers
        await hung_up.gone()
    (switch,) = told.switches
    assert (switch.kind, switch.stage) == ("timeout", "first")
    assert switch.wait_ms >= 500
    assert told.sentences == [ONE, TWO]


@pytest.mark.parametrize("fails", [stalls_after_one, breaks_off_after_one])
async def test_what_was_said_is_told_to_the_next_model_and_not_said_again(fails: object) -> None:
    async with pair() as vendors:
        vendors.first.script = fails  # type: ignore[assignment]
        vendors.second.script = says_the_second
        told = Telling(agent("second", stall_ms=150), vendors.models)
        await told.reply()
        (answer,) = vendors.second.answers
    assert answer.body["messages"][-1] == {"role": "assistant", "content": ONE}
    assert told.sentences == [ONE, TWO]
    assert [each.stage for each in told.switches] == ["amid"]


async def test_a_model_that_begins_again_says_nothing_twice() -> None:
    async with pair() as vendors:
        vendors.first.script = breaks_off_after_one
        vendors.second.script = says_both
        told = Telling(agent("second"), vendors.models)
        await told.reply()
    assert told.sentences == [ONE, TWO]


async def test_a_model_that_can_not_go_on_from_its_own_words_is_told_what_was_said() -> None:
    prompts = []

    class Listening(Scripted):
        def write(self, prompt):  # type: ignore[no-untyped-def]
            prompts.append(prompt)
            return super().write(prompt)

    async with pair() as vendors:
        vendors.first.script = breaks_off_after_one
        told = Telling(agent("scripted"), {**vendors.models, "scripted": Listening()})
        await told.reply()
    (prompt,) = prompts
    assert prompt.begun == ONE
    assert prompt.system.endswith(ONE)


async def test_what_an_earlier_host_had_written_is_not_said_again_by_any_model() -> None:
    async with pair() as vendors:
        vendors.first.refusal, vendors.second.script = Refusal(503, {}), says_both
        told = Telling(agent("second"), vendors.models)
        await told.reply(written=(ONE,))
    assert told.sentences == [TWO]


async def test_a_reply_fails_only_when_no_model_is_left() -> None:
    async with pair() as vendors:
        vendors.first.refusal = vendors.second.refusal = Refusal(503, {})
        told = Telling(agent("second", "absent"), vendors.models)
        await told.reply()
    assert [each.to_provider for each in told.switches] == ["second", "absent"]
    assert isinstance(told.end, ModelFailed)
    assert told.end.kind == "not configured"


async def test_the_last_model_is_given_as_much_time_as_the_agent_has() -> None:
    async def late(answer: Answer) -> None:
        await asyncio.sleep(0.3)  # twice the wait for a model with others behind it
        await says_both(answer)

    async with pair() as vendors:
        vendors.first.refusal, vendors.second.script = Refusal(503, {}), late
        told = Telling(agent("second", first_ms=150), vendors.models)
        await told.reply()
    assert told.sentences == [ONE, TWO]


async def test_a_call_stays_with_the_model_that_answered_it() -> None:
    async with pair() as vendors:
        vendors.first.refusal, vendors.second.script = Refusal(503, {}), says_both
        told = Telling(agent("second"), vendors.models)
        await told.reply(1)
        await told.reply(2)
    assert vendors.first.requests == 1
    assert len(told.switches) == 1


async def test_calls_share_what_they_learn_of_a_model() -> None:
    breakers = Breakers()
    async with pair() as vendors:
        vendors.first.refusal, vendors.second.script = error(401, "invalid_api_key"), says_both
        await Telling(agent("second"), vendors.models, breakers).reply()
        later = Telling(agent("second"), vendors.models, breakers)
        await later.reply()
    assert vendors.first.requests == 1
    assert later.switches == []
    assert isinstance(breakers.state("first"), Open)


async def test_the_rules_answer_when_no_vendor_can() -> None:
    async with pair() as vendors:
        vendors.first.refusal = Refusal(503, {})
        told = Telling(agent("rules"), {**vendors.models, "rules": Rules()})
        await told.reply()
    assert told.sentences
    assert isinstance(told.end, ModelFinished)


async def until(holds: Callable[[], bool]) -> None:
    async def held() -> bool:
        return holds()

    await eventually_async(held, within_s=5)


async def hedged(vendors: Pair, **waits_ms: int) -> Telling:
    told = Telling(agent("second", **{"hedge_ms": 60, **waits_ms}), vendors.models)
    await told.reply()
    return told


async def test_a_hedged_model_that_hesitates_is_overtaken_and_hung_up_on() -> None:
    async with pair() as vendors:
        vendors.first.script, vendors.second.script = is_silent, says_both
        told = await hedged(vendors)
        await vendors.first.answers[0].gone()
    (switch,) = told.switches
    assert (switch.kind, switch.stage) == ("slow", "first")
    assert switch.wait_ms >= 60
    assert told.sentences == [ONE, TWO]


async def test_a_hedged_model_that_is_first_after_all_answers_and_the_other_is_hung_up_on() -> None:
    asked = asyncio.Event()

    async def hesitates(answer: Answer) -> None:
        await asked.wait()
        await says_both(answer)

    async def is_asked(answer: Answer) -> None:
        asked.set()
        await answer.gone()

    async with pair() as vendors:
        vendors.first.script, vendors.second.script = hesitates, is_asked
        told = await hedged(vendors)
        await vendors.second.answers[0].gone()
    assert told.switches == []
    assert told.sentences == [ONE, TWO]


async def test_a_hedged_model_that_answers_at_once_answers_alone() -> None:
    async with pair() as vendors:
        vendors.first.script = says_both
        told = await hedged(vendors, hedge_ms=5_000)
    assert vendors.second.requests == 0
    assert told.sentences == [ONE, TWO]


async def test_a_hedge_that_fails_does_no_harm() -> None:
    asked = asyncio.Event()

    async def hesitates(answer: Answer) -> None:
        await asked.wait()
        await says_both(answer)

    async with pair() as vendors:
        vendors.first.script = hesitates
        vendors.second.refusal = Refusal(503, {})
        told = Telling(agent("second", hedge_ms=30), vendors.models)
        reply = asyncio.create_task(told.reply())
        await until(lambda: told.writers.breakers.state("second") != Closed())
        asked.set()
        await reply
    assert told.switches == []
    assert told.sentences == [ONE, TWO]


async def test_a_first_that_fails_while_it_is_hedged_leaves_the_reply_to_the_hedge() -> None:
    asked, broken = asyncio.Event(), asyncio.Event()

    async def breaks(answer: Answer) -> None:
        await asked.wait()
        answer.break_off()
        broken.set()

    async def is_asked(answer: Answer) -> None:
        asked.set()
        await broken.wait()
        await says_both(answer)

    async with pair() as vendors:
        vendors.first.script, vendors.second.script = breaks, is_asked
        told = await hedged(vendors)
    assert vendors.second.requests == 1
    (switch,) = told.switches
    assert switch.kind in ("disconnected", "slow")  # whichever is known first
    assert told.sentences == [ONE, TWO]


async def test_a_caller_who_interrupts_stops_all_models_that_write() -> None:
    async with pair() as vendors:
        vendors.first.script = vendors.second.script = is_silent
        told = Telling(agent("second", hedge_ms=30), vendors.models)
        reply = asyncio.create_task(told.reply())
        await until(lambda: bool(vendors.first.answers and vendors.second.answers))
        reply.cancel()
        await asyncio.gather(reply, return_exceptions=True)
        await vendors.first.answers[0].gone()
        await vendors.second.answers[0].gone()
    assert told.facts == []
