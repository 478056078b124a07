"""A line that breaks and comes back, as the caller hears it."""

from msgspec.structs import replace
from scenes import (
    AGENT,
    ASKED,
    GREETED,
    PROPOSED,
    answered,
    asked_for,
    back,
    found,
    given,
    hung_up,
    kinds,
    lost,
    model_done,
    passage,
    played,
    rang,
    reported,
    said,
    spoken,
    wrote,
)

from contracts import dialog
from services.call.duties import Run, Wait, Write, duty
from services.call.state import Answering, Consulting, Leaving, Listening, Speaking

BACK = AGENT.phrases.back
QUESTION = (*GREETED, said("when are you open"), found(1, passage()))
WRITTEN = (*QUESTION, wrote(2, "At nine."), wrote(2, "Until five."), model_done(2))


def test_a_caller_who_comes_back_hears_so_and_it_is_their_turn() -> None:
    again = given(*GREETED, lost()).when(back())
    assert spoken(again) == BACK
    assert kinds(again) == ["CallerReturned", "ReplyBegun", "SentenceWritten", "ReplyFinished"]
    assert isinstance(given(*GREETED, lost(), back(), played(2)).state, Listening)


def test_what_was_not_heard_is_said_again_under_a_new_number() -> None:
    again = given(*WRITTEN, lost(2, 1)).when(back())
    assert spoken(again) == f"{BACK} Until five."
    interrupted = next(e for e in again if isinstance(e, dialog.ReplyInterrupted))
    assert (interrupted.heard, interrupted.resumed) == ("At nine.", True)
    begun = next(e for e in again if isinstance(e, dialog.ReplyBegun))
    assert (begun.reply, begun.resumes, begun.kind) == (3, 2, "answer")


def test_a_reply_confirmed_to_its_end_is_not_said_again() -> None:
    again = given(*WRITTEN, lost(2, 2)).when(back())
    assert spoken(again) == BACK
    assert isinstance(again[1], dialog.ReplyHeard)


def test_the_memory_holds_each_sentence_once() -> None:
    talk = given(*WRITTEN, lost(2, 1), back(), played(3)).talk
    assert [said.text for said in talk.history if said.by == "agent"][1:] == [
        "At nine.",
        f"{BACK} Until five.",
    ]


def test_nothing_is_written_for_a_caller_who_is_away() -> None:
    scene = given(*QUESTION, wrote(2, "At nine."), lost(2))
    assert isinstance(scene.state, Answering)
    assert isinstance(duty(scene.state, AGENT), Wait)


def test_a_reply_cut_off_while_it_was_written_is_written_on_when_the_caller_is_back() -> None:
    scene = given(*QUESTION, wrote(2, "At nine."), lost(2), back())
    assert duty(scene.state, AGENT) == Write(reply=3, turn=1)
    assert scene.talk.reply is not None
    assert scene.talk.reply.written == ("At nine.",)
    assert scene.talk.reply.sentences == (BACK, "At nine.")
    on = scene.given(wrote(3, "Until five."))
    assert on.talk.reply is not None
    assert on.talk.reply.written == ("At nine.", "Until five.")
    assert isinstance(on.given(model_done(3)).state, Speaking)


def test_a_line_that_breaks_twice_in_one_reply_still_leaves_nothing_out() -> None:
    scene = given(*WRITTEN, lost(2, 1), back(), lost(3, 1))
    again = scene.when(back(3))
    assert spoken(again) == f"{BACK} Until five."


def test_an_answer_not_yet_begun_begins_with_the_phrase() -> None:
    scene = given(*QUESTION, lost(), back())
    assert scene.talk.reply is not None
    assert scene.talk.reply.sentences == (BACK,)
    assert duty(scene.state, AGENT) == Write(reply=2, turn=1)


def test_a_question_that_is_looked_up_goes_on_being_looked_up() -> None:
    scene = given(*GREETED, said("when are you open"), lost(), back())
    assert isinstance(scene.state, Consulting)
    assert isinstance(scene.given(found(1, passage())).state, Answering)


def test_a_tool_runs_on_and_its_result_is_told_when_the_caller_is_back() -> None:
    scene = given(*ASKED, said("yes please"), lost())
    assert isinstance(duty(scene.state, AGENT), Run)
    done = scene.given(reported("run-1", number="seven"))
    assert spoken(done.when(back())) == f"{BACK} Booked for monday. Your number is seven."


def test_a_question_that_was_not_heard_is_asked_again_and_a_yes_to_it_counts() -> None:
    scene = given(*PROPOSED, lost(2), back(), played(3), said("yes please", 2))
    assert isinstance(duty(scene.state, AGENT), Run)


def test_a_goodbye_cut_off_is_said_again_and_then_the_line_is_given_up() -> None:
    scene = given(*GREETED, said("goodbye"), lost(2), back())
    assert isinstance(scene.state, Speaking)
    assert isinstance(scene.given(played(3)).state, Leaving)


def test_a_goodbye_heard_before_the_line_broke_ends_the_call_when_it_is_back() -> None:
    after = given(*GREETED, said("goodbye"), lost(2, 2)).when(back())
    assert kinds(after) == ["CallerReturned", "ReplyHeard", "HangUpRequested"]


def test_a_line_moved_on_purpose_at_a_quiet_moment_is_not_spoken_of() -> None:
    assert kinds(given(*GREETED, lost(planned=True)).when(back())) == ["CallerReturned"]


def test_a_line_moved_on_purpose_amid_a_reply_goes_on_with_the_reply() -> None:
    again = given(*WRITTEN, lost(2, 1, planned=True)).when(back())
    assert spoken(again) == "Until five."


def test_a_caller_who_speaks_as_the_line_breaks_is_answered_when_it_is_back() -> None:
    scene = given(*GREETED, lost(), said("who is this"))
    assert spoken(scene.when(back())) == f"{BACK} This is Linden."


def test_a_caller_who_does_not_come_back_heard_what_was_confirmed() -> None:
    ended = given(*WRITTEN, lost(2, 1)).when(hung_up())
    assert isinstance(ended[0], dialog.ReplyInterrupted)
    assert ended[0].heard == "At nine."


def test_a_line_that_comes_back_without_having_been_lost_changes_nothing() -> None:
    assert given(*WRITTEN).when(back()) == []
    assert given(*GREETED, lost(), back()).when(back(3)) == []


def test_a_model_may_ask_for_a_tool_in_a_reply_that_is_resumed() -> None:
    scene = given(*GREETED, said("hello there"), wrote(2, "Let me see."), lost(2), back())
    acting = scene.given(asked_for("look_up", 3))
    assert isinstance(duty(acting.state, AGENT), Run)


def test_a_tool_whose_fate_nobody_knows_is_told_in_the_agents_words() -> None:
    scene = given(*ASKED, said("yes please"))
    unsure = replace(reported("run-1", ok=False, error="interrupted"), unsure=True)
    told = scene.when(unsure)
    assert spoken(told) == AGENT.phrases.unsure
    assert isinstance(told[0], dialog.ToolReturned)
    assert told[0].unsure


def test_a_line_lost_before_it_was_answered_is_greeted_when_it_is_there() -> None:
    assert spoken(given(rang(), lost()).when(answered())).startswith("Hello")


def test_a_line_that_was_only_thought_lost_goes_on_as_if_nothing_had_happened() -> None:
    unbroken = replace(back(), unbroken=True)
    again = given(*WRITTEN, lost(2, 1)).when(unbroken)
    assert again == [dialog.CallerReturned(at_ms=unbroken.at_ms, stint=2)]
    on = given(*WRITTEN, lost(2, 1), unbroken, played(2))
    assert isinstance(on.state, Listening)
    writing = given(*QUESTION, wrote(2, "At nine."), lost(2), unbroken)
    assert duty(writing.state, AGENT) == Write(reply=2, turn=1)
