"""What a turn would lead to, should it be over with the words drafted so far."""

import pytest
from scenes import (
    AGENT,
    ASKED,
    GREETED,
    NOW,
    Scene,
    cleared,
    given,
    hung_up,
    lost,
    model_done,
    rang,
    said,
    wrote,
)

from contracts import dialog
from contracts.transcript import TranscriptDrafted
from services.call.duties import Write, duty
from services.call.foresee import Foreseen, foresee

ANSWERED = (
    *GREETED,
    said("hello there"),
    wrote(2, "Good morning."),
    wrote(2, "What is it?"),
    model_done(2),
)


def drafted(text: str) -> TranscriptDrafted:
    return TranscriptDrafted(at_ms=NOW, utterance=2, text=text, eager=True)


def foreseen(scene: Scene, text: str) -> Foreseen | None:
    return foresee(drafted(text), scene.state, scene.agent)


def test_a_turn_the_model_answers_is_foreseen_as_it_would_be_taken() -> None:
    ahead = foreseen(given(*GREETED), "hello there")
    taken = given(*GREETED, said("hello there"))
    assert ahead == Foreseen(taken.talk, None)
    assert isinstance(duty(taken.state, AGENT), Write)


def test_a_question_is_foreseen_with_what_the_knowledge_is_asked() -> None:
    ahead = foreseen(given(*GREETED), "when are you open")
    asked = given(*GREETED).when(said("when are you open"))[-1]
    assert isinstance(asked, dialog.PassagesWanted)
    assert ahead
    assert ahead.question == asked
    assert ahead.talk == given(*GREETED, said("when are you open")).talk


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (given(*GREETED), "goodbye"),
        (given(*GREETED), "a real person please"),
        (given(*GREETED), "who is this"),
        (given(*ASKED), "yes please"),
        (given(*ASKED), "no thank you"),
        (given(rang()), "hello there"),
        (given(*GREETED, lost()), "hello there"),
        (given(*GREETED, hung_up()), "hello there"),
    ],
    ids=["goodbye", "transfer", "phrase", "yes", "no", "ringing", "line away", "ended"],
)
def test_where_the_model_is_not_asked_nothing_is_foreseen(scene: Scene, words: str) -> None:
    assert foreseen(scene, words) is None


def test_words_over_a_reply_are_foreseen_with_what_was_heard_of_it() -> None:
    interrupted = given(*ANSWERED, cleared(2, sentence=1, played_ms=1_000))
    ahead = foreseen(interrupted, "hello there")
    assert ahead
    assert ahead.talk.history[-2].text == "Good morning."
    assert ahead.talk == interrupted.given(said("hello there")).talk


def test_what_is_foreseen_changes_nothing() -> None:
    scene = given(*GREETED)
    before = scene.state
    foreseen(scene, "hello there")
    assert scene.state == before


def test_an_answer_in_vain_is_recorded_and_the_call_goes_on_as_if_it_had_not_been() -> None:
    dropped = dialog.DraftDropped(
        at_ms=NOW, utterance=2, reason="resumed", tokens_in=90, tokens_out=4, estimated=True
    )
    scene = given(*GREETED)
    assert scene.when(dropped) == [
        dialog.DraftDiscarded(
            at_ms=NOW, utterance=2, reason="resumed", tokens_in=90, tokens_out=4, estimated=True
        )
    ]
    assert scene.given(dropped).state == scene.state
    assert given(*GREETED, hung_up()).when(dropped) == []
