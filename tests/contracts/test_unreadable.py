"""Bytes from strangers and from the future: ignored where that is safe, refused without a quote."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_examples import AT_MS, CALL, CALL_EVENTS, MESSAGE

from contracts.codec import Codec, Unreadable, decode_agent, decode_claim, decode_knowledge
from contracts.recorded import CallEvent

CODEC = Codec()
SECRET = "my number is 4929"
READERS: list[Callable[[bytes], Any]] = [
    lambda payload: CODEC.decode(CALL, payload),
    decode_agent,
    decode_claim,
    decode_knowledge,
]


def message(*events: dict[str, object], **more: object) -> bytes:
    return json.dumps({"by": "gateway-1-a", "events": events, **more}).encode()


@pytest.mark.parametrize("event", CALL_EVENTS, ids=lambda event: type(event).__name__)
def test_fields_of_a_later_version_are_ignored(event: CallEvent) -> None:
    later = {**msgspec.to_builtins(event), "mood": {"of": ["the", "caller"]}}
    assert CODEC.decode(CALL, message(later, written_by="a later release")).events == (event,)


UNCOVERED = {
    "an event of an unknown type": message({"type": SECRET, "at_ms": AT_MS}),
    "an unknown version": message({"type": "line.rang/99", "at_ms": AT_MS, "caller": SECRET}),
    "an event without a type": message({"at_ms": AT_MS, "text": SECRET}),
    "a text where a number belongs": message(
        {"type": "line.playback_started/1", "at_ms": AT_MS, "reply": SECRET}
    ),
    "a word outside of the list": message(
        {"type": "dialog.phase_entered/1", "at_ms": AT_MS, "phase": SECRET}
    ),
    "a fact under an unknown name": message(
        decision={"n": 1, "basis": 1, "cause": {"type": SECRET}}
    ),
    "no message": json.dumps([SECRET]).encode(),
    "nothing": b"",
    "half a message": message({"type": "line.digit_pressed/1", "digit": SECRET})[:-9],
    "not a number": b'{"by":"' + SECRET.encode() + b'","events":[],"epoch":NaN}',
    "not UTF-8": b'{"by":"' + SECRET.encode() + b'\xff","events":[]}',
    "a lone surrogate": b'{"by":"' + SECRET.encode() + rb'\ud800","events":[]}',
    "100,000 brackets": b"[" * 100_000,
    "100,000 brackets in a field": b'{"by":"a","events":[],"decision":' + b'{"x":' * 100_000,
    "100,000 brackets in tool arguments": message(
        {"type": "dialog.tool_declined/1", "at_ms": 1, "invocation": "a", "tool": "a", "x": 1}
    ).replace(b'"x": 1', b'"x":' + b"[" * 100_000 + b"]" * 100_000),
    "a number beyond all bounds": b'{"by":"a","events":[],"epoch":' + b"9" * 5_000 + b"}",
    "two messages": message() + message(),
}


@pytest.mark.parametrize("payload", UNCOVERED.values(), ids=UNCOVERED)
@pytest.mark.parametrize("read", READERS, ids=["message", "agent", "claim", "document"])
def test_what_no_contract_covers_is_refused_without_a_word_of_it(
    payload: bytes, read: Callable[[bytes], Any]
) -> None:
    with pytest.raises(Unreadable) as refused:
        read(payload)
    assert SECRET not in f"{refused.value!r} {refused.value}"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    assert len(str(refused.value)) < 200


def test_the_refusal_tells_where_the_contract_was_broken() -> None:
    payload = message({"type": "line.playback_started/1", "at_ms": AT_MS, "reply": SECRET})
    with pytest.raises(Unreadable, match=r"at \$\.events\[0\]\.reply"):
        CODEC.decode(CALL, payload)


@given(st.binary(max_size=400))
def test_random_bytes_are_refused_in_one_way_only(payload: bytes) -> None:
    for read in READERS:
        with pytest.raises(Unreadable):
            read(payload)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_a_damaged_message_is_read_or_refused_and_nothing_else(at: int, damage: bytes) -> None:
    whole = CODEC.encode(CALL, MESSAGE)
    place = at % len(whole)
    try:
        CODEC.decode(CALL, whole[:place] + damage + whole[place + len(damage) :])
    except Unreadable:
        pass


def test_who_reads_events_has_of_a_decision_its_place_and_its_cause() -> None:
    read = CODEC.of_events().decode(CALL, CODEC.encode(CALL, MESSAGE))
    whole, decision = MESSAGE.decision, read.decision
    assert whole is not None
    assert decision is not None
    assert read.events == MESSAGE.events
    assert (decision.n, decision.basis, decision.cause) == (whole.n, whole.basis, whole.cause)
    assert (decision.prev, decision.state, decision.facts) == ("", "", ())


def test_a_decision_that_another_release_has_written_stops_nobody_who_reads_events() -> None:
    later = message(decision={"n": 1, "basis": 1, "more": [{"type": "model.sang/1"}]})
    with pytest.raises(Unreadable, match=r"decision\.more"):
        CODEC.decode(CALL, later)
    assert CODEC.of_events().decode(CALL, later).events == ()
    unknown_cause = message(decision={"n": 1, "basis": 1, "cause": {"type": "model.sang/1"}})
    with pytest.raises(Unreadable, match=r"decision\.cause"):
        CODEC.of_events().decode(CALL, unknown_cause)
