"""What the table turns says about what was said, answered, heard and waited for."""

import pytest
from msgspec.structs import replace
from stories import TENANT, Story, at, question_answered, rang, sentence, synthesized

from contracts import dialog, line, passages, transcript
from infra.postgres import Pool
from projections.turns import read
from projections.turns.project import TURNS

pytestmark = pytest.mark.stack


async def rows_of(pool: Pool, story: Story) -> tuple[read.Turn, ...]:
    await story.remembered(pool, TURNS)
    return await read.of_call(pool, TENANT, story.call)


async def test_the_greeting_is_turn_0_and_was_heard_whole(pool: Pool) -> None:
    greeting, _ = await rows_of(pool, question_answered())
    assert (greeting.turn, greeting.reply, greeting.reply_kind) == (0, 1, "greeting")
    assert greeting.written == greeting.heard == "Hello. How can I help?"
    assert not greeting.interrupted
    assert (greeting.said, greeting.wait_ms) == (None, None)
    assert greeting.tts_ms == 12.5  # of its first sentence


async def test_a_turn_tells_the_question_the_sources_the_answer_and_what_was_heard(
    pool: Pool,
) -> None:
    _, turn = await rows_of(pool, question_answered())
    assert (turn.said, turn.intent, turn.kind) == ("what is a check-up", "price", "question")
    assert (turn.slots, turn.confidence) == ({"treatment": "check-up"}, 0.9)
    assert (turn.sources, turn.top_score) == (("prices#4", "prices#1"), 7.5)
    assert (turn.written, turn.heard) == ("A check-up is 40 pounds.", "A check-up is")
    assert turn.interrupted


async def test_the_wait_is_split_into_the_parts_each_role_had_in_it(pool: Pool) -> None:
    _, turn = await rows_of(pool, question_answered())
    assert turn.stt_ms == 500
    assert turn.dialog_ms == 4
    assert turn.passages_ms == 8
    assert turn.model_ms == 20
    assert turn.tts_ms == 20
    assert turn.gateway_ms == 16
    assert turn.wait_ms == 568 == 500 + 4 + 8 + 20 + 20 + 16


async def test_passages_that_come_too_late_do_not_count_as_the_models_time(pool: Pool) -> None:
    story = Story().stored(1, rang())
    story.stored(100, taken(1))
    story.stored(100, dialog.PassagesWanted(at_ms=at(99), turn=1, question="?", agent=rang().agent))
    story.stored(1_600, dialog.PassagesTaken(at_ms=at(1_599), turn=1, late=True))
    story.stored(1_600, dialog.ReplyBegun(at_ms=at(1_599), reply=1, turn=1, kind="answer"))
    story.stored(1_630, sentence(1, 1, "I do not know."))
    story.stored(1_700, passages.PassagesFound(at_ms=at(1_700), turn=1, passages=(), took_ms=1.0))
    (turn,) = await rows_of(pool, story)
    assert (turn.model_ms, turn.passages_ms, turn.top_score) == (30, 1_600, None)


async def test_a_misheard_turn_has_a_row_with_its_fallback(pool: Pool) -> None:
    misheard = transcript.UtteranceMisheard(
        at_ms=at(900), utterance=4, reason="unsure", speech_ended_ms=at(500)
    )
    story = Story().stored(1, rang()).stored(900, misheard)
    story.stored(
        902,
        dialog.TurnMisheard(
            at_ms=at(901), turn=2, utterance=4, failures=1, speech_ended_ms=at(500)
        ),
        dialog.ReplyBegun(at_ms=at(901), reply=3, turn=2, kind="fallback"),
        sentence(3, 1, "Sorry?"),
    )
    story.stored(950, line.PlaybackStarted(at_ms=at(940), reply=3))
    (turn,) = await rows_of(pool, story)
    assert (turn.kind, turn.said, turn.failures) == ("misheard", None, 1)
    assert (turn.reply_kind, turn.written) == ("fallback", "Sorry?")
    assert (turn.stt_ms, turn.dialog_ms, turn.wait_ms) == (400, 2, 440)


async def test_several_replies_to_one_turn_are_one_answer_and_the_wait_ends_with_the_first(
    pool: Pool,
) -> None:
    story = Story().stored(1, rang()).stored(100, taken(1, speech_ended_ms=at(50)))
    for reply, kind, text in ((1, "fallback", "Sorry."), (2, "transfer", "One moment, please.")):
        began = dialog.ReplyBegun(at_ms=at(100), reply=reply, turn=1, kind=kind)
        story.stored(100 * reply + 20, began, sentence(reply, 1, text))
        story.stored(100 * reply + 40, synthesized(reply, 1, 5.0 * reply))
        story.stored(
            100 * reply + 50, line.PlaybackStarted(at_ms=at(100 * reply + 50), reply=reply)
        )
    story.stored(400, dialog.ReplyHeard(at_ms=at(400), reply=1))
    story.stored(500, dialog.ReplyInterrupted(at_ms=at(500), reply=2, heard="One"))
    (turn,) = await rows_of(pool, story)
    assert (turn.reply, turn.replies, turn.reply_kind) == (1, 2, "fallback")
    assert (turn.written, turn.heard) == ("Sorry. One moment, please.", "Sorry. One")
    assert (turn.wait_ms, turn.tts_ms, turn.model_ms) == (100, 5.0, 20)


async def test_keys_pressed_end_no_speech_so_there_is_no_wait(pool: Pool) -> None:
    story = Story().stored(1, rang()).stored(100, taken(1))
    story.stored(110, dialog.ReplyBegun(at_ms=at(110), reply=1, turn=1, kind="answer"))
    story.stored(120, line.PlaybackStarted(at_ms=at(120), reply=1))
    (turn,) = await rows_of(pool, story)
    assert (turn.speech_ended_at, turn.wait_ms) == (None, None)


async def test_tools_are_named_in_the_order_they_ran(pool: Pool) -> None:
    story = Story().stored(1, rang()).stored(100, taken(1))
    for tool in ("find_slot", "book"):
        called = dialog.ToolCalled(at_ms=at(1), invocation=tool, turn=1, tool=tool, arguments={})
        story.stored(110, called)
    (turn,) = await rows_of(pool, story)
    assert turn.tools == ("find_slot", "book")


async def test_a_reply_interrupted_before_anything_was_played_was_not_heard(pool: Pool) -> None:
    story = Story().stored(1, rang()).stored(100, taken(1))
    story.stored(110, dialog.ReplyBegun(at_ms=at(110), reply=1, turn=1, kind="answer"))
    story.stored(120, dialog.ReplyInterrupted(at_ms=at(120), reply=1, heard=""))
    (turn,) = await rows_of(pool, story)
    assert (turn.heard, turn.interrupted) == ("", True)


def taken(turn: int, *, speech_ended_ms: int = 0) -> dialog.TurnTaken:
    return dialog.TurnTaken(
        at_ms=at(99),
        turn=turn,
        utterance=turn,
        text="yes",
        intent="yes",
        kind="confirm",
        speech_ended_ms=speech_ended_ms,
    )


async def test_an_answer_that_a_broken_line_cut_in_two_is_one_answer(pool: Pool) -> None:
    story = Story().stored(1, rang())
    story.stored(100, taken(1))
    story.stored(101, dialog.ReplyBegun(at_ms=at(101), reply=1, turn=1, kind="answer"))
    story.stored(101, sentence(1, 1, "At nine."), sentence(1, 2, "Until five."))
    story.stored(
        900,
        dialog.CallerReturned(at_ms=at(900), stint=2, reply=1),
        dialog.ReplyInterrupted(at_ms=at(900), reply=1, heard="At nine.", resumed=True),
        dialog.ReplyBegun(at_ms=at(900), reply=2, turn=1, kind="answer", resumes=1),
        replace(sentence(2, 1, "We were cut off."), again=True),
        replace(sentence(2, 2, "Until five."), again=True),
    )
    story.stored(990, dialog.ReplyHeard(at_ms=at(990), reply=2))
    (turn,) = await rows_of(pool, story)
    assert (turn.reply, turn.interrupted) == (1, False)
    assert turn.written == "At nine. Until five."
    assert turn.heard == "At nine. We were cut off. Until five."


async def test_the_phrase_for_a_line_that_is_back_is_said_in_the_turn_and_does_not_answer_it(
    pool: Pool,
) -> None:
    story = Story().stored(1, rang()).stored(100, taken(1))
    for reply, kind, text in ((1, "bridge", "We were cut off."), (2, "answer", "At nine.")):
        began = dialog.ReplyBegun(at_ms=at(100), reply=reply, turn=1, kind=kind)
        story.stored(100 * reply + 20, began, sentence(reply, 1, text))
    (turn,) = await rows_of(pool, story)
    assert (turn.reply, turn.reply_kind, turn.replies) == (2, "answer", 1)
    assert turn.written == "We were cut off. At nine."


async def test_words_heard_behind_nothing_heard_stand_alone(pool: Pool) -> None:
    story = Story().stored(1, rang()).stored(100, taken(1))
    for reply, heard in ((1, ""), (2, "At nine.")):
        story.stored(110, dialog.ReplyBegun(at_ms=at(110), reply=reply, turn=1, kind="answer"))
        story.stored(120, dialog.ReplyInterrupted(at_ms=at(120), reply=reply, heard=heard))
    (turn,) = await rows_of(pool, story)
    assert turn.heard == "At nine."
