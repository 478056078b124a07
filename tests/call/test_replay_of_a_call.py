"""A recorded call gone through again: what adds up, and what does not."""

import pytest
from memory_log import CALL, RecordedCall
from msgspec.structs import replace
from scenes import (
    AGENT,
    GREETED,
    asked_for,
    hung_up,
    played,
    reported,
    said,
    wrote,
)

from contracts.agent import Phrases
from contracts.codec import Codec
from contracts.journal import WrongVersion
from contracts.recorded import Recorded
from services.call.replay import check, state_at
from services.call.state import Ended, Ringing, state_hash

STORY = (
    *GREETED,
    said("book me in on monday"),
    asked_for("book", 2, day="monday"),
    played(2),
    said("yes please", 2),
    reported("run-1", number="one"),
    played(3),
    hung_up(),
)


async def recorded(*facts: object) -> RecordedCall:
    call = RecordedCall()
    await call.claim()
    for fact in facts or STORY:
        await call.take(fact)  # type: ignore[arg-type]
    return call


def altered(history: list[Recorded], place: int, old: bytes, new: bytes) -> list[Recorded]:
    """The history with other bytes stored at one place."""
    one = history[place]
    assert old in one.payload
    payload = one.payload.replace(old, new)
    changed = replace(one, payload=payload, message=Codec().decode(CALL, payload))
    return [*history[:place], changed, *history[place + 1 :]]


def last_decision(history: list[Recorded], containing: bytes) -> int:
    return max(i for i, r in enumerate(history) if r.family == "dialog" and containing in r.payload)


async def test_a_whole_call_adds_up_and_its_state_is_the_actors() -> None:
    call = await recorded()
    assert check(call.journal.history, AGENT) == []
    assert isinstance(state_at(call.journal.history), Ended)
    assert state_hash(state_at(call.journal.history)) == state_hash(call.actor.state)


async def test_the_state_at_an_earlier_message_is_what_it_was_then() -> None:
    call = await recorded()
    opened = next(r.sequence for r in call.journal.history if b"dialog.opened" in r.payload)
    assert isinstance(state_at(call.journal.history, opened), Ringing)


async def test_a_changed_decision_is_found_and_breaks_the_chain_after_it() -> None:
    history = (await recorded()).journal.history
    place = last_decision(history, b"Booked for monday")
    wrong = check(altered(history, place, b"Booked for monday", b"Booked for tuesday"), AGENT)
    at = history[place].sequence
    assert {(m.sequence, m.wrong) for m in wrong} >= {(at, "decision"), (at, "state")}
    assert any(m.wrong == "prev" and m.sequence > at for m in wrong)


async def test_a_changed_fact_is_found() -> None:
    history = (await recorded()).journal.history
    place = next(i for i, r in enumerate(history) if r.family == "transcript")
    wrong = check(altered(history, place, b"on monday", b"on tuesday"), AGENT)
    assert {m.wrong for m in wrong} == {"decision"}


async def test_a_missing_decision_is_found() -> None:
    history = (await recorded()).journal.history
    place = last_decision(history, b"tool_called")
    wrong = {m.wrong for m in check([*history[:place], *history[place + 1 :]], AGENT)}
    assert wrong >= {"n", "prev", "state"}


async def test_another_revision_of_the_agent_does_not_explain_the_call() -> None:
    other = replace(AGENT, phrases=Phrases(greeting="Good day."))
    assert "decision" in {m.wrong for m in check((await recorded()).journal.history, other)}


async def test_the_first_owner_can_decide_nothing_once_a_second_has_claimed_the_call() -> None:
    first = await recorded(*GREETED)
    second = RecordedCall("dialog-2", first.journal)
    await second.claim()
    assert (first.actor.epoch, second.actor.epoch) == (1, 2)
    assert replace_epoch(second.actor.state) == replace_epoch(first.actor.state)
    with pytest.raises(WrongVersion):
        await first.take(said("goodbye"))
    await second.take(said("goodbye", 2))
    assert check(first.journal.history, AGENT) == []


def replace_epoch(state: object) -> object:
    talk = state.talk  # type: ignore[attr-defined]
    return replace(state, talk=replace(talk, epoch=0))  # type: ignore[type-var]


async def test_a_fact_that_changes_nothing_is_not_recorded() -> None:
    call = await recorded(*GREETED)
    decisions = sum(r.family == "dialog" for r in call.journal.history)
    await call.take(wrote(7, "Late."))
    assert sum(r.family == "dialog" for r in call.journal.history) == decisions
