"""Every message of a call in turn: removed, altered, moved, repeated. Each time it is found."""

import msgspec
import pytest
from memory_log import CALL, TENANT
from tampering import Log, Raw, names

from services.call.verify import Finding

pytestmark = pytest.mark.stack


async def test_an_untouched_call_is_whole(log: Log) -> None:
    messages = await log.hold_a_call()
    verified = await log.verified()
    assert verified.whole, verified
    decisions = sum(each.family == "dialog" for each in messages)
    assert (verified.calls, verified.going_on, verified.uncovered) == (1, 0, 0)
    assert (verified.messages, verified.decisions) == (len(messages), decisions)
    assert (verified.facts, verified.outside) == (len(messages) - decisions - 1, 1)


async def test_a_copy_of_an_untouched_call_is_whole(log: Log) -> None:
    await log.copy(await log.hold_a_call())
    assert await log.findings() == []


async def test_each_single_message_removed_is_found(log: Log) -> None:
    messages = await log.hold_a_call()
    for sequence, message in enumerate(messages, 1):
        await log.copy(messages)
        await log.delete(sequence)
        found = await log.findings()
        removed = [f for f in found if f.kind == "removed"]
        assert any(names(f, sequence) or is_of(f, message) for f in removed), (message, found)


async def test_each_single_message_altered_in_one_field_is_found(log: Log) -> None:
    messages = await log.hold_a_call()
    for place, message in enumerate(messages[:-1]):
        for altered in alterations(message):
            await log.copy([*messages[:place], altered, *messages[place + 1 :]])
            found = await log.findings()
            kinds = {f.kind for f in found if names(f, place + 1)}
            assert kinds & {"altered", "unfounded", "epoch", "unreadable"}, (altered, found)


async def test_each_two_neighbours_swapped_are_found(log: Log) -> None:
    messages = await log.hold_a_call()
    for place in range(len(messages) - 2):  # the last came after all decisions: nobody saw it
        swapped = [*messages]
        swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
        await log.copy(swapped)
        found = await log.findings()
        moved = [f for f in found if f.kind == "reordered"]
        assert any(names(f, place + 1) or names(f, place + 2) for f in moved), (place, found)


async def test_each_single_message_repeated_is_found(log: Log) -> None:
    messages = await log.hold_a_call()
    for place, message in enumerate(messages):
        for at in (place + 1, len(messages)):  # beside it, and at the end of the log
            await log.copy([*messages[:at], message, *messages[at:]])
            found = await log.findings()
            again = [f for f in found if f.kind == "duplicated"]
            assert any(f.sequence == at + 1 and names(f, place + 1) for f in again), (at, found)


async def test_a_fact_put_in_is_found(log: Log) -> None:
    messages = await log.hold_a_call()
    foreign = Raw(f"call.{TENANT}.{CALL}.line", pressed_a_key())
    for place in range(1, len(messages) - 2):
        await log.copy([*messages[:place], foreign, *messages[place:]])
        found = await log.findings()
        assert any(names(f, place + 1) for f in found), (place, found)


async def test_a_fact_put_in_for_a_deleted_one_is_found(log: Log) -> None:
    messages = await log.hold_a_call()
    place = next(i for i, m in enumerate(messages) if b"speech" in m.payload or m.family == "line")
    foreign = Raw(messages[place].subject, pressed_a_key())
    await log.copy([*messages[:place], foreign, *messages[place + 1 :]])
    assert any(f.kind == "altered" and f.sequence == place + 1 for f in await log.findings())


async def test_a_message_in_a_family_that_nobody_writes_is_found(log: Log) -> None:
    messages = await log.hold_a_call()
    await log.copy([*messages, Raw(f"call.{TENANT}.{CALL}.extra", messages[0].payload)])
    assert [(f.kind, f.family) for f in await log.findings()] == [("inserted", "extra")]


def is_of(finding: Finding, message: Raw) -> bool:
    """Whether it speaks of that decision, by its number."""
    decision = msgspec.json.decode(message.payload).get("decision")
    return decision is not None and f"decision {decision['n']}," in finding.says


def pressed_a_key() -> bytes:
    event = {"type": "line.digit_pressed/1", "at_ms": 1, "digit": "0"}
    return msgspec.json.encode({"by": "outside", "events": [event], "epoch": 2})


def alterations(message: Raw) -> list[Raw]:
    """The message with each of its outermost fields changed in turn, and one of its event's."""
    told = msgspec.json.decode(message.payload)
    changed = [told | {"by": "somebody"}, told | {"epoch": told.get("epoch", 0) + 1}]
    first, *others = told["events"]
    changed.append(told | {"events": [first | {"at_ms": first["at_ms"] + 1}, *others]})
    for name, value in told.get("decision", {}).items():
        changed.append(told | {"decision": told["decision"] | {name: another(value)}})
    payloads = [msgspec.json.encode(each) for each in changed]
    payloads.append(b"{")
    if b"dialog.ended" not in message.payload:  # of the last decision only the meaning is proved
        payloads.append(message.payload + b" ")
    return [Raw(message.subject, payload) for payload in payloads]


def another(value: object) -> object:
    match value:
        case int():
            return value + 1
        case str():
            return "0" * len(value) or "1"
        case list():
            return value[:-1]
        case _:
            return None
