"""Decisions that somebody made up, as carefully as they like."""

from typing import Any

import msgspec
import pytest
from memory_log import CALL, TENANT
from scenes import NOW
from tampering import Log, Raw

from contracts.codec import Codec
from contracts.recorded import Message
from services.call.actor import dialog_events, payload_hash
from services.call.evolve import fold
from services.call.state import state_hash

pytestmark = pytest.mark.stack
DIALOG = f"call.{TENANT}.{CALL}.dialog"


async def test_a_decision_of_an_owner_whose_time_is_over_is_found(log: Log) -> None:
    """It carries the number and the hash that the chain asks for next; only its epoch is old."""
    messages = (await log.hold_a_call())[:-2]
    forged = next_decision(messages, {"by": "dialog-1", "epoch": 1}, hang_up())
    await log.copy([*messages, forged])
    found = [f for f in await log.findings() if f.sequence == len(messages) + 1]
    assert ("epoch", "is of epoch 1, after epoch 2 had begun") in {(f.kind, f.says) for f in found}


async def test_a_decision_by_a_host_that_never_claimed_the_call_is_found(log: Log) -> None:
    messages = (await log.hold_a_call())[:-2]
    await log.copy([*messages, next_decision(messages, {"by": "dialog-9", "epoch": 2}, hang_up())])
    found = [f for f in await log.findings() if f.sequence == len(messages) + 1]
    assert "epoch" in {f.kind for f in found}


async def test_a_decision_that_continues_another_one_than_the_last_is_found(log: Log) -> None:
    """As an owner would write that was stopped and did not notice its successor."""
    messages = (await log.hold_a_call())[:-2]
    handover = max(i for i, m in enumerate(messages) if b"owner.claimed" in m.payload)
    forged = next_decision(messages[: handover - 1], {"by": "dialog-1", "epoch": 1}, hang_up())
    await log.copy([*messages, forged])
    found = {(f.kind, f.sequence) for f in await log.findings()}
    assert {("epoch", len(messages) + 1), ("inserted", len(messages) + 1)} <= found


async def test_a_consistent_decision_with_events_that_do_not_follow_is_found(log: Log) -> None:
    messages = (await log.hold_a_call())[:-2]
    forged = next_decision(messages, {"by": "dialog-2", "epoch": 2}, hang_up())
    await log.copy([*messages, forged])
    found = [f for f in await log.findings() if f.sequence == len(messages) + 1]
    assert [(f.kind, f.family) for f in found] == [("unfounded", "dialog")]


async def test_a_chain_forged_anew_from_one_decision_on_is_found_there(log: Log) -> None:
    """All hashes and states after it are made to fit."""
    messages = await log.hold_a_call()
    place = next(i for i, m in enumerate(messages) if b"Booked for monday" in m.payload)
    forged = messages[place].payload.replace(b"Booked for monday", b"Booked for sunday")
    await log.copy(
        chained_anew([*messages[:place], Raw(DIALOG, forged), *messages[place + 1 :]], place)
    )
    found = await log.findings()
    assert ("unfounded", place + 1) in {(f.kind, f.sequence) for f in found}
    assert not {"removed", "altered", "inserted"} & {f.kind for f in found}


async def test_a_call_whose_last_decision_is_cut_off_is_found(log: Log) -> None:
    messages = await log.hold_a_call()
    end = next(i for i, m in enumerate(messages) if b"dialog.ended" in m.payload)
    await log.copy([*messages[:end], *messages[end + 1 :]])
    assert await log.findings() == []  # its owner may just be about to decide
    found = [f for f in await log.findings_later() if f.kind == "undecided"]
    assert [(f.sequence, f.family) for f in found] == [(end, "line")]


async def test_a_call_that_goes_on_is_whole_at_every_moment(log: Log) -> None:
    messages = await log.hold_a_call()
    for so_far in range(1, len(messages)):
        await log.copy(messages[:so_far])
        verified = await log.verified()
        assert verified.whole, (so_far, verified)
        assert verified.going_on == (so_far < len(messages) - 1)


def hang_up() -> dict[str, Any]:
    return {"type": "dialog.hang_up_requested/1", "at_ms": NOW, "reason": "goodbye"}


def next_decision(messages: list[Raw], told: dict[str, Any], *events: dict[str, Any]) -> Raw:
    """One more, with the number, the hash and the state that the chain asks for."""
    last = [m for m in messages if m.family == "dialog"][-1]
    before = msgspec.json.decode(last.payload)["decision"]
    decision = {
        "n": before["n"] + 1,
        "basis": before["basis"],
        "cause": {"type": "model.finished/1", "at_ms": NOW, "reply": 5},
        "prev": payload_hash(last.payload),
    }
    forged = told | {"events": list(events), "decision": decision}
    decision["state"] = state_after([*messages, Raw(DIALOG, msgspec.json.encode(forged))])
    return Raw(DIALOG, msgspec.json.encode(forged))


def chained_anew(messages: list[Raw], start: int) -> list[Raw]:
    """Every decision from `start` on with the hash and state that those before it lead to."""
    made = messages[:start]
    for each in messages[start:]:
        if each.family != "dialog":
            made.append(each)
            continue
        told = msgspec.json.decode(each.payload)
        before = [m for m in made if m.family == "dialog"][-1]
        new = {"prev": payload_hash(before.payload), "state": state_after([*made, each])}
        told["decision"] |= new
        made.append(Raw(DIALOG, msgspec.json.encode(told)))
    return made


def state_after(messages: list[Raw]) -> str:
    told = [decoded(m) for m in messages if m.family == "dialog"]
    return state_hash(fold([event for each in told for event in dialog_events(each)]))


def decoded(message: Raw) -> Message:
    return Codec().decode(CALL, message.payload)
