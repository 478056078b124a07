"""Calls nobody has tampered with are never suspected, whatever happened in them."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, settings
from hypothesis import given as for_all
from hypothesis import strategies as st
from memory_log import CALL, RecordedCall
from scenes import AGENT, GREETED, NOW, hung_up, said
from test_rules_hold_in_any_order import STEPS, Step, fact_of

from contracts.agent import Agent
from contracts.codec import Codec, decode_agent
from contracts.dialog import InnerFact
from contracts.ids import TenantId
from contracts.recorded import Recorded
from services.call.verify import Checked, verify

HISTORIES = sorted((Path(__file__).parents[1] / "histories").glob("*.jsonl"))
LATER = NOW + 3_600_000.0


@settings(max_examples=200, deadline=None)
@for_all(STEPS, st.integers(0, 60), st.sets(st.integers(0, 60)))
def test_a_call_adds_up_whatever_came_and_though_its_host_changed(
    steps: list[Step], handover: int, unseen: set[int]
) -> None:
    """`unseen`: facts the first host had stored, but not seen, when another took over."""
    history = asyncio.run(lived(steps, handover, unseen))
    checked = verify(history, AGENT, now_ms=LATER)
    assert checked.findings == ()
    assert checked.messages == len(history)


@settings(max_examples=60, deadline=None)
@for_all(STEPS, st.integers(0, 60), st.data())
def test_a_message_taken_out_of_any_call_is_missed_by_its_last_decision(
    steps: list[Step], handover: int, data: st.DataObject
) -> None:
    history = asyncio.run(lived(steps, handover, set()))
    last = [each for each in history if each.message.decision][-1]
    assert last.message.decision
    vouched_for = {
        place
        for place, each in enumerate(history)
        if each.sequence <= last.message.decision.basis
        or (each.family == "dialog" and each is not last)
    }
    assume(vouched_for)
    place = data.draw(st.sampled_from(sorted(vouched_for)))
    checked = verify([*history[:place], *history[place + 1 :]], AGENT, now_ms=LATER)
    assert "removed" in {each.kind for each in checked.findings}


async def lived(steps: list[Step], handover: int, unseen: set[int]) -> list[Recorded]:
    call = RecordedCall()
    await call.claim()
    for place, step in enumerate([("rang", 0, 0), ("answered", 0, 0), *steps]):
        if place == handover:
            call = RecordedCall("dialog-2", call.journal)
            await call.claim()
            await call.catch_up()
        fact = fact_of(step, call.actor.state)
        if place < handover <= len(steps) + 1 and place in unseen and not_inner(fact):
            await call.store(fact)
            handover = place + 1  # it died before it saw it
        else:
            await call.take(fact)
    return call.journal.history


def not_inner(fact: object) -> bool:
    return not isinstance(fact, InnerFact)


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
def test_a_call_recorded_before_decisions_named_facts_is_whole_as_far_as_it_goes(
    file: Path,
) -> None:
    agent, history = read(file)
    checked = verify(history, agent, now_ms=history[-1].stored_ms + LATER)
    assert (checked.findings, checked.ended) == ((), True)
    assert checked.covered == (checked.facts > 0)


async def test_a_call_says_how_far_its_decisions_vouch_for_it() -> None:
    call = RecordedCall()
    await call.claim()
    for fact in (*GREETED, said("goodbye"), hung_up()):
        await call.take(fact)
    checked = verify(call.journal.history, AGENT, now_ms=LATER)
    assert (checked.facts, checked.outside, checked.ended) == (5, 0, True)
    assert isinstance(checked, Checked)


async def test_a_call_has_ended_though_another_host_claimed_it_at_its_very_end() -> None:
    call = RecordedCall()
    await call.claim()
    for fact in (*GREETED, hung_up()):
        await call.take(fact)
    await RecordedCall("dialog-2", call.journal).claim()
    checked = verify(call.journal.history, AGENT, now_ms=LATER)
    assert (checked.findings, checked.ended) == ((), True)


async def test_without_its_agent_a_call_cannot_be_decided_again() -> None:
    call = RecordedCall()
    await call.claim()
    await call.take(GREETED[0])
    found = verify(call.journal.history, None, now_ms=LATER).findings
    assert [each.kind for each in found] == ["unfounded"]


def read(file: Path) -> tuple[Agent, list[Recorded]]:
    first, *rest = (msgspec.json.decode(line) for line in file.read_bytes().splitlines())
    return decode_agent(first["agent"].encode()).agent, [recorded(line) for line in rest]


def recorded(line: dict[str, Any]) -> Recorded:
    payload = line.pop("payload").encode()
    message = Codec().decode(CALL, payload)
    return Recorded(tenant=TenantId("main"), call=CALL, message=message, payload=payload, **line)
