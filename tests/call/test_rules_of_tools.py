"""Tools: asked before, run once, worded after."""

import pytest
from msgspec.structs import replace
from scenes import (
    AGENT,
    ASKED,
    BOOKING,
    GREETED,
    LOOK_UP,
    NOW,
    PROPOSED,
    AnyFact,
    asked_for,
    cleared,
    given,
    hung_up,
    kinds,
    played,
    reported,
    said,
    spoken,
    waited,
    wrote,
)

from contracts import dialog, synthesis
from contracts.agent import Intent, Tool
from services.call.duties import Run, Wait, Write, duty
from services.call.state import Acting, Answering, Listening
from services.call.tools import refusal

RUNNING = (*ASKED, said("yes please", 2))


def test_a_tool_with_effects_is_proposed_with_its_arguments() -> None:
    events = given(*PROPOSED[:-1]).when(PROPOSED[-1])
    assert kinds(events) == [
        "ToolProposed",
        "ReplyBegun",
        "SentenceWritten",
        "SentenceWritten",
        "ReplyFinished",
    ]
    assert events[0] == dialog.ToolProposed(
        at_ms=NOW, invocation="run-1", tool="book", arguments={"day": "monday"}
    )
    assert spoken(events) == "On monday. Shall I book it?"
    assert not any(e.fixed for e in events if isinstance(e, dialog.SentenceWritten))
    assert isinstance(duty(given(*PROPOSED).state, AGENT), Wait)


def test_what_it_cost_to_ask_for_a_tool_is_kept_with_what_came_of_it() -> None:
    spent = replace(PROPOSED[-1], tokens_in=900, tokens_out=12)
    proposed = given(*PROPOSED[:-1]).when(spent)[0]
    assert isinstance(proposed, dialog.ToolProposed)
    assert (proposed.tokens_in, proposed.tokens_out) == (900, 12)
    called = given(*PROPOSED, played(2)).when(said("yes please", 2))
    assert [e.tokens_in for e in called if isinstance(e, dialog.ToolCalled)] == [0]


def test_a_yes_calls_the_tool_with_what_was_proposed() -> None:
    events = given(*ASKED).when(said("yes please", 2))
    assert kinds(events) == ["TurnTaken", "ToolCalled"]
    assert events[-1] == dialog.ToolCalled(
        at_ms=NOW, invocation="run-1", turn=2, tool="book", arguments={"day": "monday"}
    )
    scene = given(*RUNNING)
    assert duty(scene.state, AGENT) == Run(
        invocation="run-1", tool="book", arguments={"day": "monday"}
    )


def test_a_second_yes_does_not_call_it_again() -> None:
    scene = given(*RUNNING)
    assert kinds(scene.when(said("yes please", 3))) == ["TurnTaken"]
    scene = scene.given(said("yes please", 3))
    assert isinstance(scene.state, Acting)
    done = scene.given(reported("run-1", number="one"), played(3))
    assert "ToolCalled" not in kinds(done.when(said("yes please", 4)))


def test_a_yes_over_the_proposal_counts_too() -> None:
    scene = given(*PROPOSED, cleared(2, sentence=1, played_ms=900))
    assert kinds(scene.when(said("yes please", 2))) == ["TurnTaken", "ToolCalled"]


def test_a_yes_before_the_proposal_was_heard_at_all_calls_nothing() -> None:
    events = given(*PROPOSED).when(said("yes please", 2))
    assert kinds(events) == ["ReplyInterrupted", "TurnTaken"]
    assert given(*PROPOSED, said("yes please", 2)).talk.proposal is None


def test_a_yes_long_after_the_proposal_calls_nothing() -> None:
    scene = given(*ASKED, said("when are you open", 2), said("when are you open", 3))
    assert "ToolCalled" not in kinds(scene.when(said("yes please", 4)))


def test_a_no_declines() -> None:
    events = given(*ASKED).when(said("no thank you", 2))
    assert kinds(events)[:2] == ["TurnTaken", "ToolDeclined"]
    assert spoken(events) == AGENT.phrases.declined
    assert given(*ASKED, *events).talk.proposal is None


def test_a_yes_without_a_proposal_calls_nothing() -> None:
    assert kinds(given(*GREETED).when(said("yes please"))) == ["TurnTaken", "PhaseEntered"]


def test_a_confirmation_that_says_neither_yes_nor_no_decides_nothing() -> None:
    vague = Intent(name="perhaps", kind="confirm", phrases=("well perhaps maybe",))
    agent = replace(AGENT, intents=(*AGENT.intents, vague))
    scene = given(*ASKED, agent=agent)
    assert kinds(scene.when(said("well perhaps maybe", 2))) == ["TurnTaken"]
    assert scene.given(said("well perhaps maybe", 2)).talk.proposal


def test_a_question_in_between_keeps_the_proposal() -> None:
    scene = given(*ASKED, said("when are you open", 2), waited(2), wrote(3, "At nine."))
    assert kinds(scene.when(said("yes please", 3)))[-1] == "ToolCalled"


def test_the_result_is_said_with_arguments_and_result_filled_in() -> None:
    events = given(*RUNNING).when(reported("run-1", number="seven"))
    assert kinds(events)[0] == "ToolReturned"
    assert spoken(events) == "Booked for monday. Your number is seven."
    scene = given(*RUNNING, *events)
    remembered = scene.talk.history[-1]
    assert (remembered.by, remembered.tool, remembered.invocation) == ("tool", "book", "run-1")
    assert remembered.arguments == {"day": "monday"}
    assert remembered.text == '{"number": "seven"}'


def test_a_tool_that_fails_gets_the_caller_a_phrase() -> None:
    events = given(*RUNNING).when(reported("run-1", ok=False, error="timeout"))
    assert kinds(events)[0] == "ToolReturned"
    assert spoken(events) == AGENT.phrases.failed


def test_a_report_of_another_use_of_the_tool_is_not_taken() -> None:
    assert given(*RUNNING).when(reported("run-2", number="one")) == []
    assert given(*RUNNING, reported("run-1", number="one")).when(reported("run-1")) == []


def test_arguments_the_tool_does_not_take_are_refused_without_quoting_them() -> None:
    scene = given(*PROPOSED[:-1])
    events = scene.when(asked_for("book", 2, day="my name is Ada"))
    refused = events[0]
    assert isinstance(refused, dialog.ToolRefused)
    assert refused.reason == "breaks 'properties/day/enum'"
    assert spoken(events) == AGENT.phrases.failed
    assert scene.given(*events).talk.proposal is None


def test_a_tool_nobody_knows_is_refused() -> None:
    refused = given(*PROPOSED[:-1]).when(asked_for("open_safe", 2))[0]
    assert refused == dialog.ToolRefused(at_ms=NOW, tool="open_safe", reason="no such tool")


@pytest.mark.parametrize(
    ("parameters", "arguments", "reason"),
    [
        ({}, {"anything": 1}, None),
        ({"additionalProperties": False}, {"Ada Lovelace": 1}, "breaks 'additionalProperties'"),
        (
            {"additionalProperties": {"type": "string"}},
            {"Ada Lovelace": 1},
            "breaks 'additionalProperties/type'",
        ),
        ({"required": ["day"]}, {}, "breaks 'required'"),
        ({"type": "nonsense"}, {}, "its own parameters are no JSON Schema"),
        ({"properties": {"a": {"pattern": "("}}}, {}, "its own parameters are no JSON Schema"),
        ({"$ref": "http://127.0.0.1:9/x"}, {}, "its own parameters cannot be resolved"),
        ({"$ref": "#/$defs/missing"}, {}, "its own parameters cannot be resolved"),
        ({"$ref": "#"}, {}, "its own parameters cannot be resolved"),
    ],
)
def test_a_refusal_names_the_rule_and_nothing_of_the_caller(
    parameters: dict[str, object], arguments: dict[str, object], reason: str | None
) -> None:
    tool = Tool(name="x", description="", parameters=parameters)
    assert refusal(tool, arguments) == reason


def test_a_harmless_tool_runs_without_asking_and_the_model_words_its_result() -> None:
    scene = given(*GREETED, said("hello there"))
    events = scene.when(asked_for("look_up", 2))
    assert kinds(events) == ["ToolCalled"]
    scene = scene.given(*events)
    assert scene.when(asked_for("look_up", 2)) == []
    scene = scene.given(reported("run-1", day="monday"))
    assert isinstance(scene.state, Answering)
    assert duty(scene.state, AGENT) == Write(reply=2, turn=1, after_tool="run-1")


def test_what_the_model_says_before_calling_a_tool_is_the_beginning_of_the_same_reply() -> None:
    scene = given(*GREETED, said("hello there"), wrote(2, "One moment."), asked_for("look_up", 2))
    scene = scene.given(reported("run-1", day="monday"))
    events = scene.when(wrote(2, "You come on monday."))
    assert [(e.reply, e.sentence) for e in events if isinstance(e, dialog.SentenceWritten)] == [
        (2, 2)
    ]


def test_a_proposal_after_the_models_own_words_goes_on_with_the_same_reply() -> None:
    scene = given(*PROPOSED[:-1], wrote(2, "Gladly."))
    events = scene.when(PROPOSED[-1])
    assert kinds(events) == ["ToolProposed", "SentenceWritten", "SentenceWritten", "ReplyFinished"]
    assert scene.given(*events, played(2)).talk.history[-1].text == (
        "Gladly. On monday. Shall I book it?"
    )


def test_a_caller_who_interrupts_the_words_before_a_tool_hears_the_result_as_a_new_reply() -> None:
    scene = given(*GREETED, said("hello there"), wrote(2, "One moment."), asked_for("look_up", 2))
    scene = scene.given(cleared(2))
    assert isinstance(scene.state, Acting)
    scene = scene.given(reported("run-1"))
    assert duty(scene.state, AGENT) == Write(reply=3, turn=1, after_tool="run-1")


def test_a_hang_up_while_the_tool_runs_ends_the_call_without_its_result() -> None:
    scene = given(*RUNNING, hung_up())
    assert scene.when(reported("run-1", number="one")) == []


def test_each_use_of_a_tool_has_a_number_of_its_own() -> None:
    scene = given(*ASKED, said("no thank you", 2), played(3), said("book me in on tuesday", 3))
    events = scene.when(asked_for("book", 4, day="tuesday"))
    assert events[0] == dialog.ToolProposed(
        at_ms=NOW, invocation="run-2", tool="book", arguments={"day": "tuesday"}
    )


def test_the_caller_may_still_talk_after_the_result() -> None:
    scene = given(*RUNNING, reported("run-1", number="one"), played(3))
    assert isinstance(scene.state, Listening)
    assert AGENT.tools == (BOOKING, LOOK_UP)


@pytest.mark.parametrize("fact", [*PROPOSED, said("yes please", 9), reported("run-1")])
def test_a_running_tool_is_never_started_twice(fact: AnyFact) -> None:
    events = given(*RUNNING).when(fact)
    assert "ToolCalled" not in kinds(events)
    assert "ToolProposed" not in kinds(events)


def test_a_yes_to_a_proposal_that_could_not_be_spoken_calls_nothing() -> None:
    unspoken = synthesis.SynthesisFailed(
        at_ms=NOW, reply=2, sentence=1, kind="unreachable", provider="elevenlabs"
    )
    scene = given(*PROPOSED)
    assert kinds(scene.when(unspoken)) == ["ToolDeclined"]
    scene = scene.given(unspoken, played(2))
    assert "ToolCalled" not in kinds(scene.when(said("yes please", 2)))
