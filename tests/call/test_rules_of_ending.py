"""The line ends in any situation; what is late or repeated changes nothing."""

import pytest
from scenes import (
    AGENT,
    ASKED,
    GREETED,
    NOW,
    ONLY_TOLD,
    AnyFact,
    answered,
    cleared,
    found,
    given,
    hung_up,
    kinds,
    misheard,
    model_done,
    not_found,
    passage,
    played,
    pressed,
    rang,
    reported,
    said,
    spoken,
    waited,
    wrote,
)

from contracts import dialog
from services.call.duties import Wait, duty
from services.call.state import Ended

SITUATIONS: dict[str, tuple[AnyFact, ...]] = {
    "unopened": (),
    "ringing": (rang(),),
    "speaking": (rang(), answered()),
    "listening": GREETED,
    "consulting": (*GREETED, said("when are you open")),
    "answering": (*GREETED, said("when are you open"), waited(1)),
    "answering aloud": (*GREETED, said("when are you open"), waited(1), wrote(2, "At nine.")),
    "acting": (*ASKED, said("yes please", 2)),
    "leaving": (*GREETED, said("goodbye"), played(2)),
}


@pytest.mark.parametrize("facts", SITUATIONS.values(), ids=SITUATIONS)
def test_the_line_may_end_in_every_situation_and_the_call_ends_once(
    facts: tuple[AnyFact, ...],
) -> None:
    scene = given(*facts)
    events = scene.when(hung_up())
    assert kinds(events).count("CallEnded") == 1
    assert kinds(events)[-1] == "CallEnded"
    ended = scene.given(hung_up())
    assert isinstance(ended.state, Ended)
    assert duty(ended.state, ended.agent) is None
    for late in (
        hung_up(),
        rang(),
        answered(),
        said("hello"),
        misheard(),
        wrote(2, "x"),
        played(1),
    ):
        assert ended.when(late) == []


def test_the_end_says_how_far_the_conversation_came() -> None:
    ended = given(*ASKED).when(hung_up())[-1]
    assert ended == dialog.CallEnded(at_ms=NOW, reason="caller_hung_up", phase="active", turns=1)


def test_a_reply_nobody_hears_to_its_end_is_given_up_with_the_call() -> None:
    events = given(*SITUATIONS["answering aloud"]).when(hung_up())
    assert kinds(events) == ["ReplyInterrupted", "CallEnded"]


REPEATED: list[AnyFact] = [
    rang(),
    answered(),
    played(1),
    found(1, passage()),
    not_found(1),
    waited(1),
    wrote(1, "Late."),
    model_done(2),
    cleared(1),
    cleared(2),
    played(2),
    reported("run-1"),
    reported("run-0"),
]


def test_a_fact_that_comes_again_or_late_changes_nothing() -> None:
    heard = (*GREETED, said("when are you open"), found(1, passage()), wrote(2, "At nine."))
    scene = given(*heard, model_done(2), played(2))
    assert [event for fact in REPEATED for event in scene.when(fact)] == []


@pytest.mark.parametrize("facts", SITUATIONS.values(), ids=SITUATIONS)
def test_what_is_only_told_to_others_needs_no_decision(facts: tuple[AnyFact, ...]) -> None:
    scene = given(*facts)
    assert [event for fact in ONLY_TOLD for event in scene.when(fact)] == []


def test_nobody_is_understood_before_the_line_is_answered() -> None:
    for facts in ((), (rang(),)):
        for fact in (said("hello"), misheard(), pressed("0"), played(1), cleared(1)):
            assert given(*facts).when(fact) == []


def test_answering_twice_greets_once() -> None:
    scene = given(rang(), answered())
    assert scene.when(answered()) == []
    assert spoken(given(rang()).when(answered()))


def test_a_call_that_is_never_answered_is_let_go_in_the_end() -> None:
    scene = given(rang())
    wanted = duty(scene.state, AGENT)
    assert wanted == Wait(awaited="answer", turn=0, until_ms=NOW + 120_000)
    unanswered = dialog.WaitEnded(at_ms=NOW + 120_000, turn=0, awaited="answer")
    assert kinds(scene.when(unanswered)) == ["CallEnded"]
    assert given(*GREETED).when(unanswered) == []


def test_a_call_whose_gateway_died_is_let_go_after_its_longest_time() -> None:
    scene = given(*GREETED)
    wanted = duty(scene.state, AGENT)
    assert wanted == Wait(awaited="line", turn=0, until_ms=NOW + 3_600_000 + 120_000)
    lost = dialog.WaitEnded(at_ms=NOW, turn=0, awaited="line")
    ended = scene.when(lost)[-1]
    assert isinstance(ended, dialog.CallEnded)
    assert ended.reason == "line_lost"
