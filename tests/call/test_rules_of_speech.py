"""Greeting, questions, replies, interruptions: what the caller says and hears."""

import msgspec
import pytest
from msgspec.structs import replace
from scenes import (
    AGENT,
    GREETED,
    NOW,
    REF,
    AnyFact,
    answered,
    cleared,
    found,
    gave_way,
    given,
    kinds,
    misheard,
    model_done,
    model_failed,
    not_found,
    passage,
    played,
    pressed,
    rang,
    said,
    spoken,
    waited,
    wrote,
)

from contracts import dialog
from contracts.agent import Phrases
from contracts.recorded import DialogEvent
from services.call.duties import Wait, Write, duty
from services.call.state import Answering, Consulting, Leaving, Listening, Ringing, Speaking

QUESTION = (*GREETED, said("when are you open"))
WRITING = (*QUESTION, found(1, passage()), wrote(2, "From nine to five. "))
ANSWERED = (*GREETED, said("hello"), wrote(2, "Good morning to you."), wrote(2, "How are you?"))


def interrupted(*facts: AnyFact, by: AnyFact) -> dialog.ReplyInterrupted:
    (event,) = given(*facts).when(by)
    assert isinstance(event, dialog.ReplyInterrupted)
    return event


def test_a_ringing_line_opens_the_call_with_its_agent_and_variables() -> None:
    (opened,) = given().when(rang(caller_name="Ada"))
    assert opened == dialog.CallOpened(
        at_ms=NOW, agent=REF, language="en-US", variables={"caller_name": "Ada"}
    )
    assert isinstance(given(rang()).state, Ringing)


def test_the_agent_greets_when_the_line_is_answered() -> None:
    events = given(rang()).when(answered())
    assert kinds(events) == ["ReplyBegun", "SentenceWritten", "SentenceWritten", "ReplyFinished"]
    assert spoken(events) == "Hello, this is the Linden Practice. What can I do for you?"
    assert isinstance(given(rang(), answered()).state, Speaking)


def test_a_call_variable_goes_before_the_agents_own_and_is_not_worth_caching() -> None:
    events = given(rang(practice="Elm Practice")).when(answered())
    assert spoken(events).startswith("Hello, this is the Elm Practice.")
    assert not any(e.fixed for e in events if isinstance(e, dialog.SentenceWritten))
    usual = given(rang()).when(answered())
    assert all(e.fixed for e in usual if isinstance(e, dialog.SentenceWritten))


def test_a_heard_reply_makes_it_the_callers_turn() -> None:
    assert given(rang(), answered()).when(played(1)) == [dialog.ReplyHeard(at_ms=NOW, reply=1)]
    scene = given(*GREETED)
    assert isinstance(scene.state, Listening)
    assert scene.talk.history[-1].text.endswith("What can I do for you?")


def test_a_question_asks_the_knowledge_first() -> None:
    events = given(*GREETED).when(said("when are you open"))
    assert kinds(events) == ["TurnTaken", "PhaseEntered", "PassagesWanted"]
    taken, _, wanted = events
    assert isinstance(taken, dialog.TurnTaken)
    assert (taken.intent, taken.kind, taken.turn) == ("hours", "question", 1)
    assert isinstance(wanted, dialog.PassagesWanted)
    assert (wanted.question, wanted.limit, wanted.agent) == ("when are you open", 4, REF)
    scene = given(*QUESTION)
    assert isinstance(scene.state, Consulting)
    assert duty(scene.state, AGENT) == Wait(awaited="passages", turn=1, until_ms=NOW + 1_500)


def test_with_the_passages_the_model_writes_the_answer() -> None:
    (taken,) = given(*QUESTION).when(found(1, passage(), passage(chunk=4)))
    assert taken == dialog.PassagesTaken(at_ms=NOW, turn=1, sources=("hours#0", "hours#4"))
    scene = given(*QUESTION, taken)
    assert duty(scene.state, AGENT) == Write(reply=2, turn=1)


@pytest.mark.parametrize("fact", [waited(1), not_found(1)])
def test_passages_that_come_late_or_not_at_all_do_not_hold_the_answer_up(fact: AnyFact) -> None:
    scene = given(*QUESTION, fact)
    assert isinstance(scene.state, Answering)
    assert scene.talk.sources == ()
    assert scene.when(found(1, passage())) == []


def test_passages_of_an_earlier_turn_are_not_taken() -> None:
    scene = given(*QUESTION, said("when are you open then"))
    assert scene.when(found(1, passage())) == []
    assert kinds(scene.when(found(2, passage()))) == ["PassagesTaken"]


def test_an_agent_without_knowledge_answers_at_once() -> None:
    agent = replace(AGENT, knowledge="")
    assert kinds(given(*GREETED, agent=agent).when(said("when are you open"))) == [
        "TurnTaken",
        "PhaseEntered",
    ]


def test_each_sentence_is_recorded_while_the_rest_is_written() -> None:
    scene = given(*QUESTION, found(1, passage()))
    first = scene.when(wrote(2, "From nine."))
    assert kinds(first) == ["ReplyBegun", "SentenceWritten"]
    second = scene.given(*first).when(wrote(2, "Until five."))
    assert [e.sentence for e in second if isinstance(e, dialog.SentenceWritten)] == [2]
    finished = scene.given(*first, *second).when(model_done(2))
    assert finished == [
        dialog.ReplyFinished(at_ms=NOW, reply=2, sentences=2, tokens_in=10, tokens_out=5)
    ]


def test_sentences_already_spoken_do_not_count_as_heard_before_the_reply_is_finished() -> None:
    assert given(*WRITING).when(played(2)) == []


def test_an_intent_with_a_reply_is_answered_word_for_word() -> None:
    events = given(*GREETED).when(said("who is this"))
    assert spoken(events) == "This is Linden."
    assert isinstance(duty(given(*GREETED, *events).state, AGENT), Wait)


@pytest.mark.parametrize("fact", [model_failed(2), model_done(2)])
def test_a_model_that_fails_or_is_silent_gets_the_caller_a_phrase(fact: AnyFact) -> None:
    events = given(*QUESTION, found(1)).when(fact)
    assert spoken(events) == AGENT.phrases.failed
    assert kinds(events) == ["ReplyBegun", "SentenceWritten", "ReplyFinished"]


def test_a_model_that_fails_in_the_middle_ends_the_reply_with_the_phrase() -> None:
    events = given(*WRITING).when(model_failed(2))
    assert kinds(events) == ["SentenceWritten", "ReplyFinished"]
    assert [e.sentence for e in events if isinstance(e, dialog.SentenceWritten)] == [2]


# Interruptions


def test_a_model_that_gives_way_is_recorded_and_changes_nothing_of_the_reply() -> None:
    (switched,) = given(*WRITING).when(gave_way(2))
    assert isinstance(switched, dialog.ModelSwitched)
    assert (switched.from_provider, switched.to_provider) == ("groq", "rules")
    assert (switched.kind, switched.stage, switched.wait_ms) == ("timeout", "first", 3_000.0)
    after = given(*WRITING, gave_way(2))
    assert after.state == given(*WRITING).state
    assert kinds(after.when(model_done(2))) == ["ReplyFinished"]


def test_a_model_that_gives_way_too_late_is_nobodys_concern() -> None:
    assert given(*GREETED).when(gave_way(2)) == []
    assert given(*WRITING).when(gave_way(1)) == []


def test_a_reply_names_the_model_that_wrote_it_where_it_is_not_the_agents_first() -> None:
    done = replace(model_done(2), provider="openai", model="gpt-5-mini")
    (finished,) = given(*WRITING).when(done)
    assert isinstance(finished, dialog.ReplyFinished)
    assert (finished.provider, finished.model) == ("openai", "gpt-5-mini")


def test_a_barge_in_keeps_whole_sentences_and_whole_words_of_what_was_heard() -> None:
    event = interrupted(*ANSWERED, model_done(2), by=cleared(2, 2, 600, 1_000))
    assert event.heard == "Good morning to you. How"
    assert (event.sentence, event.played_ms) == (2, 600)


@pytest.mark.parametrize(
    ("sentence", "played_ms", "heard"),
    [
        (0, 0, ""),
        (1, 0, ""),
        (1, 100, ""),  # not one whole word
        (1, 650, "Good morning"),
        (1, 1_000, "Good morning to you."),
        (2, 0, "Good morning to you."),
        (2, 5_000, "Good morning to you. How are you?"),
        (9, 100, "Good morning to you. How are you?"),
    ],
)
def test_what_was_heard_counts_from_the_first_sentence(
    sentence: int, played_ms: int, heard: str
) -> None:
    event = interrupted(*ANSWERED, model_done(2), by=cleared(2, sentence, played_ms, 1_000))
    assert event.heard == heard


def test_of_a_sentence_still_in_synthesis_only_a_likely_part_was_heard() -> None:
    """500 of the 600 ms sent so far were played, but the sentence will last longer than that."""
    sent_whole = interrupted(*ANSWERED, by=cleared(2, 1, 500, 600))
    unfinished = interrupted(*ANSWERED, by=cleared(2, 1, 500, 600, whole=False))
    assert sent_whole.heard == "Good morning to"
    assert unfinished.heard == "Good"


@pytest.mark.parametrize(
    ("words", "heard"),
    [
        (0, ""),
        (1, "Good"),
        (3, "Good morning to"),
        (4, "Good morning to you."),
        (9, "Good morning to you."),
    ],
)
def test_with_word_times_exactly_the_words_that_were_played_were_heard(
    words: int, heard: str
) -> None:
    """Half of the sentence's time would be half of its letters, were nothing else known."""
    event = interrupted(*ANSWERED, model_done(2), by=cleared(2, 1, 500, 1_000, words=words))
    assert event.heard == heard


def test_words_are_counted_in_the_sentence_that_was_cut() -> None:
    event = interrupted(*ANSWERED, model_done(2), by=cleared(2, 2, 500, 1_000, words=2))
    assert event.heard == "Good morning to you. How are"


def test_a_sentence_played_to_its_end_was_heard_whatever_its_last_words_time() -> None:
    event = interrupted(*ANSWERED, model_done(2), by=cleared(2, 1, 1_000, 1_000, words=3))
    assert event.heard == "Good morning to you."


def test_without_word_times_what_was_heard_is_estimated() -> None:
    """They come when a sentence is synthesised; this one was cut before, or its voice has none."""
    event = interrupted(*ANSWERED, by=cleared(2, 1, 500, 600, whole=False, words=None))
    assert event.heard == "Good"


def test_after_a_barge_in_history_holds_only_what_was_heard() -> None:
    scene = given(*ANSWERED, model_done(2), cleared(2, 1, 650, 1_000))
    assert isinstance(scene.state, Listening)
    assert scene.talk.history[-1].text == "Good morning"
    nothing = given(*ANSWERED, model_done(2), cleared(2, 1, 0, 1_000))
    assert nothing.talk.history[-1].by == "caller"


def test_a_barge_in_while_the_model_writes_lets_the_model_go() -> None:
    scene = given(*WRITING, cleared(2))
    assert isinstance(duty(scene.state, AGENT), Wait)
    assert scene.when(wrote(2, "And more.")) == []
    assert scene.when(model_done(2)) == []


def test_a_caller_who_speaks_while_the_model_writes_is_answered_instead() -> None:
    events = given(*WRITING).when(said("hello there", 2))
    assert kinds(events) == ["ReplyInterrupted", "TurnTaken"]
    scene = given(*WRITING, *events)
    assert duty(scene.state, AGENT) == Write(reply=3, turn=2)
    assert scene.when(wrote(2, "Late.")) == []


def test_a_caller_who_goes_on_before_the_first_sentence_is_answered_once() -> None:
    scene = given(*GREETED, said("hello there"), said("good morning"))
    assert duty(scene.state, AGENT) == Write(reply=2, turn=2)


# Misheard turns, people, goodbyes


def test_a_misheard_caller_is_asked_again() -> None:
    events = given(*GREETED).when(misheard())
    assert kinds(events) == ["TurnMisheard", "ReplyBegun", "SentenceWritten", "ReplyFinished"]
    assert spoken(events) == AGENT.phrases.fallback


def thrice() -> list[AnyFact]:
    return [*GREETED, misheard(1), played(2), misheard(2), played(3), misheard(3)]


def test_after_three_misheard_turns_in_a_row_a_person_takes_over_once_the_caller_knows() -> None:
    scene = given(*thrice())
    assert scene.talk.reply
    assert scene.talk.reply.kind == "transfer"
    assert scene.when(played(4)) == [
        dialog.ReplyHeard(at_ms=NOW, reply=4),
        dialog.TransferRequested(at_ms=NOW, to="+15550100", reason="misheard"),
    ]
    assert isinstance(scene.given(played(4)).state, Leaving)


def test_a_turn_that_was_understood_sets_the_count_back() -> None:
    scene = given(
        *GREETED, misheard(1), played(2), misheard(2), played(3), said("who is this"), played(4)
    )
    assert scene.talk.failures == 0
    assert spoken(scene.when(misheard(4))) == AGENT.phrases.fallback


def test_noise_while_the_agent_speaks_is_not_a_failed_turn() -> None:
    assert given(rang(), answered()).when(misheard()) == []
    assert given(*WRITING).when(misheard()) == []


def test_a_caller_who_asks_for_a_person_gets_one_once_the_phrase_was_heard() -> None:
    events = given(*GREETED).when(said("a real person please"))
    assert spoken(events) == AGENT.phrases.transfer
    request = given(*GREETED, *events).when(played(2))[-1]
    assert request == dialog.TransferRequested(at_ms=NOW, to="+15550100", reason="asked")


def test_a_key_counts_as_the_words_the_agents_file_gives_it() -> None:
    assert spoken(given(*GREETED).when(pressed("0"))) == AGENT.phrases.transfer
    assert given(*GREETED).when(pressed("9")) == []
    assert given(rang()).when(pressed("0")) == []


def test_a_goodbye_hangs_up_only_after_the_phrase_was_heard() -> None:
    events = given(*GREETED).when(said("goodbye"))
    assert spoken(events) == AGENT.phrases.goodbye
    assert "HangUpRequested" not in kinds(events)
    scene = given(*GREETED, *events)
    assert scene.talk.phase == "completion"
    assert scene.when(played(2))[-1] == dialog.HangUpRequested(at_ms=NOW, reason="goodbye")


def test_a_caller_who_interrupts_the_goodbye_keeps_the_call() -> None:
    scene = given(*GREETED, said("goodbye"), cleared(2))
    assert isinstance(scene.state, Listening)
    assert scene.when(played(2)) == []
    assert kinds(scene.when(said("when are you open", 2))) == [
        "TurnTaken",
        "PhaseEntered",
        "PassagesWanted",
    ]


def test_a_goodbye_of_which_a_part_never_came_still_hangs_up() -> None:
    scene = given(*GREETED, said("goodbye"))
    events = scene.when(msgspec.structs.replace(cleared(2), left_out=True))
    assert kinds(events) == ["ReplyInterrupted", "HangUpRequested"]


@pytest.mark.parametrize("fact", [said("wait"), misheard(), pressed("0"), played(2), cleared(2)])
def test_a_caller_being_hung_up_on_changes_nothing_any_more(fact: AnyFact) -> None:
    assert given(*GREETED, said("goodbye"), played(2)).when(fact) == []


def test_the_conversation_moves_from_start_to_completion() -> None:
    scene = given(*GREETED)
    phases = [scene.talk.phase]
    for fact in (
        said("who is this"),
        played(2),
        said("when are you open"),
        waited(2),
        said("goodbye"),
    ):
        scene = scene.given(fact)
        phases.append(scene.talk.phase)
    assert list(dict.fromkeys(phases)) == ["start", "discovery", "active", "completion"]


def test_sentences_of_a_phrase_are_numbered_from_one() -> None:
    agent = replace(AGENT, phrases=Phrases(greeting="One. Two! Three?"))
    events: list[DialogEvent] = given(rang(), agent=agent).when(answered())
    numbers = [e.sentence for e in events if isinstance(e, dialog.SentenceWritten)]
    assert numbers == [1, 2, 3]
