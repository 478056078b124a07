"""What the table interruptions says about replies that were not heard to their end."""

import pytest
from msgspec.structs import replace
from stories import TENANT, Story, at, question_answered, rang, sentence, time_at

from contracts import dialog, line
from infra.postgres import Pool
from projections.interruptions import read
from projections.interruptions.project import INTERRUPTIONS

pytestmark = pytest.mark.stack
CLEARED = line.PlaybackCleared(at_ms=at(3_000), reply=1, sentence=2, played_ms=400, sentence_ms=900)
INTERRUPTED = dialog.ReplyInterrupted(
    at_ms=at(3_000), reply=1, heard="At nine. Until", sentence=2, played_ms=400
)
SPOKE_OVER = line.SpeechStarted(at_ms=at(3_000), utterance=2, first_frame=140, over_reply=1)
GIVEN_UP = dialog.ReplyInterrupted(at_ms=at(3_000), reply=1, heard="")


async def rows_of(pool: Pool, story: Story) -> tuple[read.Interruption, ...]:
    await story.remembered(pool, INTERRUPTIONS)
    return await read.of_call(pool, TENANT, story.call)


def answered() -> Story:
    """A call whose reply 1 answers turn 1 in two sentences."""
    begun = dialog.ReplyBegun(at_ms=at(1_000), reply=1, turn=1, kind="answer")
    return (
        Story()
        .stored(1, rang())
        .stored(1_000, begun, sentence(1, 1, "At nine."), sentence(1, 2, "Until five."))
    )


def taken(turn: int, text: str = "and on sunday", utterance: int = 2) -> dialog.TurnTaken:
    return dialog.TurnTaken(
        at_ms=at(5_000),
        turn=turn,
        utterance=utterance,
        text=text,
        intent="hours",
        kind="question",
    )


async def test_a_barge_in_tells_what_was_cut_and_what_was_heard_of_it(pool: Pool) -> None:
    story = answered().stored(3_001, CLEARED, SPOKE_OVER).stored(3_002, INTERRUPTED)
    (row,) = await rows_of(pool, story)
    assert (row.cause, row.by_caller) == ("barge_in", True)
    assert (row.reply, row.turn, row.kind) == (1, 1, "answer")
    assert (row.sentence, row.sentences, row.played_ms) == (2, 2, 400)
    assert (row.heard, row.resumed) == ("At nine. Until", False)
    assert (row.at, row.cut_at, row.utterance) == (time_at(3_000), time_at(3_000), 2)


async def test_the_agent_spoke_on_from_the_first_loud_frame_to_the_cut(pool: Pool) -> None:
    story = answered().stored(3_001, CLEARED, SPOKE_OVER).stored(3_002, INTERRUPTED)
    assert (await rows_of(pool, story))[0].stop_ms is None  # the last frame has a time, later
    ended = line.SpeechEnded(at_ms=at(4_300), utterance=2, last_frame=194, ended_ms=at(3_960))
    (row,) = await rows_of(pool, story.stored(4_301, ended))
    assert row.spoke_at == time_at(2_880)  # 54 frames of 20 ms before the last one
    assert row.stop_ms == 120


async def test_speech_over_nobody_stops_nothing(pool: Pool) -> None:
    story = answered().stored(3_001, CLEARED, SPOKE_OVER).stored(3_002, INTERRUPTED)
    story.stored(6_000, replace(SPOKE_OVER, utterance=3, over_reply=0))
    ended = line.SpeechEnded(at_ms=at(7_000), utterance=3, last_frame=300, ended_ms=at(6_900))
    (row,) = await rows_of(pool, story.stored(7_001, ended))
    assert (row.utterance, row.stop_ms) == (2, None)


async def test_what_the_caller_said_next_stands_beside_what_it_cut(pool: Pool) -> None:
    story = answered().stored(3_001, CLEARED, SPOKE_OVER).stored(3_002, INTERRUPTED)
    story.stored(5_001, taken(2)).stored(8_000, taken(3, "thank you"))
    (row,) = await rows_of(pool, story)
    assert (row.next_turn, row.next_kind, row.next_said) == (2, "question", "and on sunday")


async def test_a_caller_who_cut_in_and_was_not_understood_said_nothing_that_is_known(
    pool: Pool,
) -> None:
    story = answered().stored(3_001, CLEARED, SPOKE_OVER).stored(3_002, INTERRUPTED)
    misheard = dialog.TurnMisheard(at_ms=at(5_000), turn=2, utterance=2, failures=1)
    (row,) = await rows_of(pool, story.stored(5_001, misheard).stored(8_000, taken(3)))
    assert (row.next_turn, row.next_kind, row.next_said) == (2, "misheard", None)


async def test_an_agent_that_begins_over_a_caller_who_goes_on_is_interrupted(pool: Pool) -> None:
    (row,) = await rows_of(pool, answered().stored(3_001, CLEARED).stored(3_002, INTERRUPTED))
    assert (row.cause, row.by_caller, row.utterance) == ("barge_in", True, None)


async def test_a_key_cuts_a_reply(pool: Pool) -> None:
    pressed = line.DigitPressed(at_ms=at(3_000), digit="1")
    story = answered().stored(3_001, CLEARED, pressed).stored(3_002, INTERRUPTED)
    (row,) = await rows_of(pool, story.stored(3_003, taken(2, "yes", utterance=0)))
    assert (row.cause, row.by_caller, row.next_said) == ("key", True, "yes")


async def test_words_that_came_before_the_reply_was_played_overtook_it(pool: Pool) -> None:
    (row,) = await rows_of(pool, answered().stored(3_001, GIVEN_UP, taken(2)))
    assert (row.cause, row.by_caller, row.cut_at) == ("overtaken", True, None)
    assert (row.next_turn, row.sentence) == (2, 0)


async def test_a_reply_that_was_overtaken_while_it_was_played_was_cut_then(pool: Pool) -> None:
    story = answered().stored(3_001, GIVEN_UP, taken(2)).stored(3_005, CLEARED)
    (row,) = await rows_of(pool, story)
    assert (row.cause, row.cut_at) == ("overtaken", time_at(3_000))


async def test_a_broken_line_is_not_the_callers_doing(pool: Pool) -> None:
    story = answered().stored(2_000, dialog.CallerLost(at_ms=at(2_000), reply=1, sentences=1))
    story.stored(
        3_001,
        dialog.CallerReturned(at_ms=at(3_000), stint=2, reply=1),
        replace(GIVEN_UP, resumed=True),
        dialog.ReplyBegun(at_ms=at(3_000), reply=2, turn=1, kind="answer", resumes=1),
    )
    (row,) = await rows_of(pool, story)
    assert (row.cause, row.by_caller, row.resumed) == ("line_lost", False, True)


async def test_a_call_let_go_while_the_caller_was_away_lost_its_line(pool: Pool) -> None:
    ended = dialog.CallEnded(at_ms=at(3_000), reason="line_lost", phase="active", turns=1)
    away = answered().stored(2_000, dialog.CallerLost(at_ms=at(2_000), reply=1))
    (row,) = await rows_of(pool, away.stored(3_001, GIVEN_UP, ended))
    assert (row.cause, row.by_caller) == ("line_lost", False)


@pytest.mark.parametrize("was_cut", [True, False])
async def test_a_reply_that_the_end_of_the_call_cut_was_hung_up_on(
    pool: Pool, was_cut: bool
) -> None:
    story = answered()
    if was_cut:
        ended_line = line.LineEnded(at_ms=at(3_000), reason="caller_hung_up")
        story.stored(3_001, CLEARED, ended_line).stored(3_002, INTERRUPTED)
    else:
        ended = dialog.CallEnded(at_ms=at(3_000), reason="caller_hung_up", phase="active", turns=1)
        story.stored(3_002, GIVEN_UP, ended)
    (row,) = await rows_of(pool, story)
    assert (row.cause, row.by_caller, row.next_turn) == ("hung_up", False, None)


async def test_a_reply_of_which_a_part_never_came_was_cut_by_nobody(pool: Pool) -> None:
    story = answered().stored(3_001, replace(CLEARED, left_out=True)).stored(3_002, INTERRUPTED)
    (row,) = await rows_of(pool, story)
    assert (row.cause, row.by_caller) == ("left_out", False)


async def test_why_is_unknown_where_the_log_does_not_tell(pool: Pool) -> None:
    (row,) = await rows_of(pool, question_answered())
    assert (row.reply, row.cause, row.by_caller) == (2, "unknown", False)
