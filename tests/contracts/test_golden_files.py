"""Every version ever written stays readable: one golden file each, with its bytes as stored."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from wire_examples import CALL, CALL_EVENTS, EVERYTHING, INNER_FACTS, MESSAGE, PLAIN, golden_name

from contracts.agent import AgentPublished
from contracts.channels import EVENTS, RETIRED, channels, members, present, tag
from contracts.claim import Claim
from contracts.codec import (
    Codec,
    decode_agent,
    decode_claim,
    decode_key,
    decode_knowledge,
    decode_phrase,
    encode,
)
from contracts.dialog import InnerFact
from contracts.key import KeyErased, KeyEvent, KeyMade
from contracts.knowledge import KnowledgeEvent
from contracts.phrase import PhraseWanted
from contracts.recorded import CallEvent, Decision, FactCause, Message
from contracts.transcript import TranscriptFinalized

GOLDEN = Path(__file__).parent / "golden"
CODEC = Codec()


def golden(kind: type[msgspec.Struct]) -> bytes:
    """The bytes of a version, without the line end that editors want."""
    file = GOLDEN / golden_name(kind)
    assert file.is_file(), f"{kind.__name__} has no golden file {file.name}"
    return file.read_bytes().removesuffix(b"\n")


def named(example: msgspec.Struct) -> str:
    return golden_name(type(example)).removesuffix(".json")


def in_a_message(event: bytes) -> bytes:
    return b'{"by":"stt-4711-9f2c01aa","events":[' + event + b"]}"


def test_everything_that_can_be_written_has_a_golden_file_and_an_example() -> None:
    written = {*members(CallEvent), *members(InnerFact)}
    written |= {kind for channel in channels() for kind in channel.carries}
    assert {type(example) for example in EVERYTHING} == written | {Message}
    files = {golden_name(kind) for kind in written | {Message} | set(RETIRED)}
    assert {file.name for file in GOLDEN.iterdir()} == files


def test_every_event_of_a_call_travels_in_one_family_or_as_a_draft() -> None:
    carried = {kind for kinds in EVENTS.values() for kind in kinds}
    drafts = {kind for kind in members(CallEvent) if tag(kind) == "transcript.drafted/1"}
    assert carried | drafts == set(members(CallEvent))


@pytest.mark.parametrize("event", CALL_EVENTS, ids=named)
def test_an_event_of_a_call_is_read_and_written_as_ever(event: CallEvent) -> None:
    stored = in_a_message(golden(type(event)))
    message = CODEC.decode(CALL, stored)
    assert message.events == (event,)
    assert CODEC.encode(CALL, message) == stored


@pytest.mark.parametrize("fact", INNER_FACTS, ids=named)
def test_an_inner_fact_is_read_and_written_as_the_cause_of_a_decision(fact: InnerFact) -> None:
    stored = b'{"by":"dialog-1-a","events":[],"epoch":1,"decision":{"n":1,"basis":2,"cause":'
    stored += golden(type(fact)) + b"}}"
    message = CODEC.decode(CALL, stored)
    assert message.decision == Decision(n=1, basis=2, cause=fact)
    assert CODEC.encode(CALL, message) == stored


@pytest.mark.parametrize("value", PLAIN, ids=named)
def test_what_belongs_to_no_call_is_read_and_written_as_ever(
    value: AgentPublished | Claim | KnowledgeEvent | KeyEvent | PhraseWanted,
) -> None:
    readers: dict[type, Callable[[bytes], Any]]
    readers = {AgentPublished: decode_agent, Claim: decode_claim}
    readers |= {KeyMade: decode_key, KeyErased: decode_key, PhraseWanted: decode_phrase}
    stored = golden(type(value))
    read = readers.get(type(value), decode_knowledge)(stored)
    assert read == value
    assert encode(read) == stored


def test_a_decision_with_all_its_events_is_read_and_written_as_ever() -> None:
    stored = golden(Message)
    message = CODEC.decode(CALL, stored)
    assert message == MESSAGE
    assert message.decision is not None
    assert isinstance(message.decision.cause, FactCause)
    assert CODEC.encode(CALL, message) == stored


def test_a_transcript_in_seconds_is_read_as_one_in_milliseconds() -> None:
    (retired,) = RETIRED
    message = CODEC.decode(CALL, in_a_message(golden(retired)))
    assert message.events == (
        TranscriptFinalized(
            at_ms=1_780_000_004_210,
            utterance=2,
            text="what does a check-up cost",
            confidence=1.0,
            speech_ended_ms=1_780_000_004_020,
        ),
    )


@pytest.mark.parametrize("retired", RETIRED, ids=tag)
def test_a_retired_version_is_lifted_to_what_the_catalogue_says(
    retired: type[msgspec.Struct],
) -> None:
    (lifted,) = CODEC.decode(CALL, in_a_message(golden(retired))).events
    assert type(lifted) is present(retired)
