"""What a call's key does to a message: closed words open with it, and with nothing else."""

import json
import os
from typing import Any

import msgspec
import pytest

from contracts.codec import Codec, Locked, Unreadable, is_sealed, outline
from contracts.dialog import InnerFact, ModelWrote, ToolCalled, TurnTaken
from contracts.event import AgentRef
from contracts.ids import AgentId, CallId, DocumentId
from contracts.key import KeyMade
from contracts.line import DigitPressed, LineAnswered, LineRang
from contracts.marked_fields import ERASED, exchanged
from contracts.passages import Passage, PassagesFound
from contracts.recorded import CallEvent, Decision, Message
from infra.sealing import CallKey, Erasing, MasterKey, Opening

CALL = CallId("019ae6a1-7c00-7b3e-9d5f-2a61c0ffee42")
KEY = os.urandom(64)
AT_MS = 1_780_000_004_210
RANG = LineRang(
    at_ms=AT_MS,
    carrier="twilio",
    carrier_call="CA1",
    caller="+493012345",
    agent=AgentRef(agent=AgentId("reception"), revision=3),
    variables={"first_name": "Zoë", "title": ""},
)
TURN = TurnTaken(
    at_ms=AT_MS,
    turn=1,
    utterance=1,
    text="Tuesday please",
    intent="book",
    kind="action",
    slots={"day": "Tuesday"},
)
PASSAGE = Passage(document=DocumentId("prices"), chunk=0, title="Prices", text="45 €", score=1.0)
CALLED = ToolCalled(
    at_ms=AT_MS,
    invocation="t1",
    turn=1,
    tool="book",
    arguments={"who": {"names": ["Zoë", None]}, "at": 10.5},
)


def message(*events: CallEvent, cause: InnerFact | None = None) -> Message:
    decision = Decision(n=1, basis=2, cause=cause, state="2-0123456789abcdef") if cause else None
    return Message(by="dialog-1-a", events=events, decision=decision)


def closed(message: Message, call: CallId = CALL, key: bytes = KEY) -> Message:
    return exchanged(message, CallKey(call, key))


def opened(message: Message, call: CallId = CALL, key: bytes = KEY) -> Message:
    return exchanged(message, Opening(CallKey(call, key)))


def shown(message: Message) -> str:
    return json.dumps(msgspec.to_builtins(message), ensure_ascii=False)


@pytest.mark.parametrize("event", [RANG, TURN, CALLED], ids=lambda event: type(event).__name__)
def test_no_word_is_left_and_all_come_back(event: CallEvent) -> None:
    whole = message(event)
    sealed = closed(whole)
    assert not [w for w in ("Zoë", "+4930", "uesday", "10.5", "names") if w in shown(sealed)]
    assert opened(sealed) == whole


def test_the_cause_of_a_decision_is_sealed_and_what_its_state_was() -> None:
    whole = message(cause=ModelWrote(at_ms=AT_MS, reply=2, text="A check-up costs 45 €."))
    sealed = closed(whole)
    assert "check-up" not in shown(sealed)
    assert "0123456789abcdef" not in shown(sealed)
    assert opened(sealed) == whole


def test_what_says_nothing_of_the_caller_stays_readable() -> None:
    (sealed,) = closed(message(RANG)).events
    assert isinstance(sealed, LineRang)
    assert (sealed.carrier, sealed.agent, sealed.called) == ("twilio", RANG.agent, "")
    assert sealed.variables.keys() == RANG.variables.keys()
    assert sealed.variables["title"] == ""
    plain = message(
        LineAnswered(at_ms=AT_MS, stream="MZ1"),
        PassagesFound(at_ms=AT_MS, turn=1, passages=(PASSAGE,), took_ms=1.0),
    )
    assert closed(plain) is plain


def test_the_same_message_gives_the_same_bytes() -> None:
    assert msgspec.json.encode(closed(message(TURN))) == msgspec.json.encode(closed(message(TURN)))


def test_equal_words_are_not_seen_to_be_equal() -> None:
    keys = [DigitPressed(at_ms=AT_MS + n, digit="7") for n in range(2)]
    one, another = (closed(message(key)).events[0] for key in keys)
    assert isinstance(one, DigitPressed)
    assert isinstance(another, DigitPressed)
    assert one.digit != another.digit
    twice = closed(message(keys[0], keys[0])).events
    assert twice[0] != twice[1]


def test_words_do_not_open_elsewhere_nor_with_another_key_nor_changed() -> None:
    sealed = closed(message(TURN, RANG))
    moved = msgspec.structs.replace(sealed, events=sealed.events[::-1])
    turn = sealed.events[0]
    assert isinstance(turn, TurnTaken)
    cut = msgspec.structs.replace(turn, text=turn.text[:-4])
    plain = msgspec.structs.replace(turn, text="Tuesday")
    wrong: list[tuple[Message, dict[str, Any]]] = [
        (moved, {}),
        (sealed, {"key": os.urandom(64)}),
        (sealed, {"call": CallId("another")}),
        (message(cut), {}),
        (message(plain), {}),
        (closed(message(CALLED)), {"call": CallId("another")}),
        (message(CALLED), {}),
    ]
    for each, by in wrong:
        with pytest.raises(Unreadable) as told:
            opened(each, **by)
        assert "uesday" not in str(told.value)


def test_without_its_key_a_call_reads_as_erased() -> None:
    turn, rang, called = exchanged(closed(message(TURN, RANG, CALLED)), Erasing()).events
    assert isinstance(turn, TurnTaken)
    assert isinstance(rang, LineRang)
    assert isinstance(called, ToolCalled)
    assert (turn.text, turn.slots, turn.intent) == (ERASED, {}, "book")
    assert (rang.caller, rang.called, rang.variables) == (ERASED, "", {})
    assert called.arguments == {}


def test_a_wrapped_key_belongs_to_its_call_and_its_master() -> None:
    master, other = MasterKey(os.urandom(64)), MasterKey(os.urandom(32))
    made = master.make(CALL, AT_MS)
    assert made.master == master.id != other.id
    sealed = exchanged(message(TURN), master.unwrap(CALL, made))
    assert exchanged(sealed, Opening(master.unwrap(CALL, made))) == message(TURN)
    with pytest.raises(Locked, match="PARTYLINE_MASTER_KEY_FILE"):
        other.unwrap(CALL, made)
    for changed in (made.wrapped[4:], "?", master.make(CallId("another"), AT_MS).wrapped):
        with pytest.raises(Locked):
            master.unwrap(CALL, KeyMade(at_ms=AT_MS, wrapped=changed, master=master.id))


def test_a_reader_without_keys_says_so_and_still_tells_what_needs_none() -> None:
    sealed = msgspec.structs.replace(closed(message(TURN)), sealed="siv")
    payload = msgspec.json.encode(sealed)
    assert is_sealed(payload)
    assert not is_sealed(msgspec.json.encode(message(TURN)))
    with pytest.raises(Locked):
        Codec().decode(CALL, payload)
    told = outline(payload)
    assert (told.by, told.sealed) == ("dialog-1-a", "siv")
    assert isinstance(told.events[0], TurnTaken)
    assert told.events[0].intent == "book"
