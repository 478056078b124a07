"""Personal data is found by its mark, and nothing marked survives scrubbing."""

from typing import Annotated, Any

import msgspec
import pytest
from wire_examples import AT_MS, CALL, EVERYTHING, MESSAGE

from contracts import described
from contracts.dialog import ToolCalled, TurnTaken
from contracts.event import PII, Pii
from contracts.ids import TenantId
from contracts.line import LineRang
from contracts.marks import HIDDEN, personal_fields, scrubbed
from contracts.recorded import Recorded

PERSONAL = {
    "LineRang": {"caller", "called", "variables"},
    "DigitPressed": {"digit"},
    "TranscriptDrafted": {"text"},
    "TranscriptFinalized": {"text"},
    "TranscriptFinalizedV1": {"text"},
    "CallOpened": {"variables"},
    "TurnTaken": {"text", "slots"},
    "PassagesWanted": {"question"},
    "SentenceWritten": {"text"},
    "ReplyInterrupted": {"heard"},
    "ToolProposed": {"arguments"},
    "ToolCalled": {"arguments"},
    "ToolReturned": {"result"},
    "ModelWrote": {"text"},
    "ModelCalledTool": {"arguments"},
    "ToolReported": {"result"},
    "OutcomeRecorded": {"summary"},
    "Decision": {"state"},  # whoever guesses what was said could make sure of it
    "Recorded": {"payload"},
}
WORDS = ("Zoë", "+4930", "check-up", "tuesday", "Tuesday", "10:30", '"#"', "what does a")
SPOKEN = [example for example in EVERYTHING if type(example).__name__ in PERSONAL]


class Notes(msgspec.Struct, frozen=True):
    """Marks in every place they can stand."""

    said: tuple[Pii, ...]
    maybe: Pii | None = None
    lists: dict[str, list[Pii]] = {}
    whole: Annotated[dict[str, Any], msgspec.Meta(extra={PII: True})] = {}
    turns: tuple[TurnTaken, ...] = ()
    by_name: dict[str, TurnTaken] = {}
    plain: tuple[str, ...] = ()


def test_these_fields_and_no_others_hold_personal_data() -> None:
    found = {
        kind.__name__: set(personal_fields(kind))
        for module in described.MODULES
        for kind in described.structs(module)
        if personal_fields(kind)
    }
    assert found == PERSONAL


@pytest.mark.parametrize("example", SPOKEN, ids=lambda example: type(example).__name__)
def test_a_scrubbed_event_holds_no_word_of_the_caller(example: msgspec.Struct) -> None:
    written = msgspec.json.encode(scrubbed(example)).decode()
    assert not [word for word in WORDS if word in written]
    assert HIDDEN in written


def test_what_is_not_personal_stays_as_it_is_on_the_wire() -> None:
    rang = next(example for example in EVERYTHING if isinstance(example, LineRang))
    assert scrubbed(rang) == {
        "type": "line.rang/1",
        "at_ms": AT_MS,
        "carrier": "twilio",
        "carrier_call": "CA5ef8732a3c49700934481addd5ce1659",
        "direction": "inbound",
        "caller": HIDDEN,
        "called": HIDDEN,
        "agent": {"agent": "dental-reception", "revision": 3},
        "variables": {"first_name": HIDDEN},
    }


def test_tool_arguments_are_hidden_however_deep_they_are() -> None:
    called = ToolCalled(
        at_ms=AT_MS, invocation="t", turn=1, tool="book", arguments={"who": {"name": ["Zoë"]}}
    )
    assert scrubbed(called)["arguments"] == HIDDEN


def test_marks_are_found_in_containers_and_nested_structs() -> None:
    turn = TurnTaken(at_ms=1, turn=1, utterance=1, text="Zoë", intent="book", kind="action")
    notes = Notes(
        said=("Zoë", ""),
        maybe="Zoë",
        lists={"names": ["Zoë"]},
        whole={"name": 7},
        turns=(turn,),
        by_name={"last": turn},
        plain=("kept",),
    )
    clean = scrubbed(notes)
    assert personal_fields(Notes) == {"said", "maybe", "lists", "whole"}
    assert (clean["said"], clean["maybe"]) == ([HIDDEN, ""], HIDDEN)
    assert (clean["lists"], clean["whole"]) == ({"names": HIDDEN}, HIDDEN)
    assert clean["turns"][0]["text"] == clean["by_name"]["last"]["text"] == HIDDEN
    assert clean["plain"] == ["kept"]


def test_a_whole_message_is_scrubbed_event_by_event() -> None:
    clean = scrubbed(MESSAGE)
    assert [event["type"] for event in clean["events"]] == [
        "dialog.reply_begun/1",
        "dialog.sentence_written/1",
    ]
    assert clean["events"][1]["text"] == HIDDEN
    assert clean["decision"]["cause"] == {"type": "fact", "sequence": 4_812, "index": 0}


def test_stored_bytes_are_hidden_because_they_hold_the_same_words() -> None:
    recorded = Recorded(
        tenant=TenantId("brandt"),
        call=CALL,
        family="dialog",
        sequence=4_813,
        stored_ms=AT_MS + 0.5,
        message=MESSAGE,
        payload=msgspec.json.encode(MESSAGE),
    )
    clean = scrubbed(recorded)
    assert clean["payload"] == HIDDEN
    assert (clean["sequence"], clean["message"]) == (4_813, scrubbed(MESSAGE))
    assert "check-up" not in str(clean)
