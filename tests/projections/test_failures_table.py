"""What the table failures says about what went wrong in a call."""

from datetime import UTC, datetime, timedelta

import pytest
from stories import RANG_MS, TENANT, Story, at, question_answered, rang, sentence

from contracts import dialog, line, passages, synthesis, transcript
from infra.postgres import Pool
from projections.failures import read
from projections.failures.project import FAILURES

pytestmark = pytest.mark.stack
RANG = datetime.fromtimestamp(RANG_MS / 1000, UTC)
HUNG_UP = line.LineEnded(at_ms=at(9_000), reason="caller_hung_up")


def begun(reply: int, turn: int, kind: dialog.ReplyKind) -> dialog.ReplyBegun:
    return dialog.ReplyBegun(at_ms=at(100), reply=reply, turn=turn, kind=kind)


def finished(reply: int, sentences: int = 1) -> dialog.ReplyFinished:
    return dialog.ReplyFinished(at_ms=at(100), reply=reply, sentences=sentences)


def phrase(
    reply: int, turn: int, kind: dialog.ReplyKind
) -> tuple[dialog.ReplyBegun, dialog.SentenceWritten, dialog.ReplyFinished]:
    return begun(reply, turn, kind), sentence(reply, 1, "Sorry."), finished(reply)


def misheard(turn: int, reason: str = "nothing") -> tuple[transcript.UtteranceMisheard, ...]:
    return (
        transcript.UtteranceMisheard(
            at_ms=at(turn * 10),
            utterance=turn,
            reason=reason,  # type: ignore[arg-type]
            speech_ended_ms=at(turn * 10),
            provider="pocketsphinx",
        ),
    )


def turn_misheard(turn: int) -> dialog.TurnMisheard:
    return dialog.TurnMisheard(at_ms=at(turn * 10 + 1), turn=turn, utterance=turn, failures=turn)


async def rows_of(pool: Pool, story: Story) -> tuple[read.Failure, ...]:
    await story.remembered(pool, FAILURES)
    return await read.of_call(pool, TENANT, story.call)


async def test_a_call_in_which_all_went_well_has_no_failures(pool: Pool) -> None:
    assert await rows_of(pool, question_answered()) == ()


async def test_a_caller_who_is_not_understood_is_asked_again_and_then_transferred(
    pool: Pool,
) -> None:
    story = Story().stored(1, rang())
    story.stored(10, *misheard(1)).stored(11, turn_misheard(1), *phrase(2, 1, "fallback"))
    story.stored(20, *misheard(2, "unsure")).stored(21, turn_misheard(2), *phrase(3, 2, "transfer"))
    first, second = await rows_of(pool, story)
    assert first == read.Failure(
        sequence=2,
        index=0,
        at=RANG + timedelta(milliseconds=10),
        stage="stt",
        kind="nothing",
        provider="pocketsphinx",
        tool=None,
        turn=1,
        reply=2,
        in_a_row=1,
        followed="asked_again",
    )
    assert (second.kind, second.in_a_row, second.followed) == ("unsure", 2, "transfer")


async def test_an_utterance_the_dialog_made_no_turn_of_spoils_no_turn(pool: Pool) -> None:
    story = Story().stored(1, rang()).stored(10, *misheard(1, "provider_failed"))
    story.stored(20, begun(2, 1, "answer")).stored(30, HUNG_UP)
    (row,) = await rows_of(pool, story)
    assert (row.kind, row.turn, row.reply, row.followed) == ("provider_failed", None, None, None)


async def test_passages_that_fail_or_are_late_leave_an_answer_without_them(pool: Pool) -> None:
    story = Story().stored(1, rang())
    story.stored(10, passages.PassagesFailed(at_ms=at(10), turn=1, kind="ConnectionError"))
    story.stored(11, dialog.PassagesTaken(at_ms=at(11), turn=1))
    story.stored(12, begun(2, 1, "answer"))
    story.stored(20, dialog.PassagesTaken(at_ms=at(20), turn=2, late=True))
    story.stored(21, begun(3, 2, "answer"))
    failed, late = await rows_of(pool, story)
    assert (failed.stage, failed.kind, failed.turn) == ("rag", "ConnectionError", 1)
    assert (late.stage, late.kind, late.turn) == ("rag", "late", 2)
    assert [(row.reply, row.followed) for row in (failed, late)] == [(2, "answer"), (3, "answer")]


async def test_only_the_answer_to_its_own_turn_follows_on_it(pool: Pool) -> None:
    story = Story().stored(1, rang())
    story.stored(10, dialog.PassagesTaken(at_ms=at(10), turn=2, late=True))
    story.stored(11, begun(2, 1, "result")).stored(12, begun(3, 2, "bridge"))
    story.stored(13, begun(4, 2, "answer"))
    (row,) = await rows_of(pool, story)
    assert (row.reply, row.followed) == (4, "answer")


async def test_a_caller_who_speaks_on_before_the_answer_overtakes_it(pool: Pool) -> None:
    story = Story().stored(1, rang())
    story.stored(10, dialog.PassagesTaken(at_ms=at(10), turn=1, late=True))
    taken = dialog.TurnTaken(at_ms=at(11), turn=2, utterance=2, text="", intent="", kind="unknown")
    story.stored(11, taken).stored(12, begun(2, 2, "answer"))
    (row,) = await rows_of(pool, story)
    assert (row.turn, row.reply, row.followed) == (1, None, "overtaken")


async def test_a_model_that_failed_is_seen_by_the_cause_of_the_phrase_said_instead(
    pool: Pool,
) -> None:
    cause = dialog.ModelFailed(at_ms=at(99), reply=2, kind="rate_limited")
    story = Story().stored(1, rang()).stored(100, *phrase(2, 1, "fallback"), cause=cause)
    (row,) = await rows_of(pool, story)
    assert (row.stage, row.kind, row.provider) == ("llm", "rate_limited", None)
    assert (row.turn, row.reply, row.followed) == (1, 2, "fallback")
    assert (row.sequence, row.index) == (2, 2)


async def test_a_model_that_fails_midway_ends_its_reply_with_a_phrase(pool: Pool) -> None:
    cause = dialog.ModelFailed(at_ms=at(99), reply=2, kind="timeout")
    story = Story().stored(1, rang()).stored(50, begun(2, 1, "answer"), sentence(2, 1, "First."))
    story.stored(100, sentence(2, 2, "Sorry."), finished(2, 2), cause=cause)
    (row,) = await rows_of(pool, story)
    assert (row.kind, row.turn, row.reply, row.followed) == ("timeout", 1, 2, "fallback")


async def test_a_model_that_wrote_nothing_has_failed_and_one_that_wrote_has_not(pool: Pool) -> None:
    cause = dialog.ModelFinished(at_ms=at(99), reply=2)
    story = Story().stored(1, rang()).stored(100, *phrase(2, 1, "fallback"), cause=cause)
    (row,) = await rows_of(pool, story)
    assert (row.stage, row.kind) == ("llm", "nothing_written")
    spoken = Story().stored(50, begun(2, 1, "answer"), sentence(2, 1, "Yes."))
    assert await rows_of(pool, spoken.stored(100, finished(2), cause=cause)) == ()


async def test_a_sentence_that_was_not_spoken_is_left_out_of_its_reply(pool: Pool) -> None:
    failed = synthesis.SynthesisFailed(
        at_ms=at(60), reply=2, sentence=1, kind="quota", provider="elevenlabs"
    )
    cleared = line.PlaybackCleared(
        at_ms=at(90), reply=2, sentence=1, played_ms=0, sentence_ms=0, left_out=True
    )
    story = Story().stored(1, rang()).stored(50, begun(2, 1, "answer"), sentence(2, 1, "Yes."))
    (row,) = await rows_of(pool, story.stored(60, failed).stored(90, cleared))
    assert (row.stage, row.kind, row.provider) == ("tts", "quota", "elevenlabs")
    assert (row.turn, row.reply, row.followed) == (1, 2, "left_out")


async def test_a_reply_that_is_given_up_for_a_lost_line_was_interrupted(pool: Pool) -> None:
    failed = synthesis.SynthesisFailed(
        at_ms=at(60), reply=2, sentence=1, kind="quota", provider="elevenlabs"
    )
    given_up = dialog.ReplyInterrupted(at_ms=at(80), reply=2, heard="", resumed=True)
    story = Story().stored(1, rang()).stored(60, failed).stored(80, given_up)
    (row,) = await rows_of(pool, story.stored(90, HUNG_UP))
    assert row.followed == "interrupted"


async def test_word_of_a_failure_that_comes_after_what_followed_on_it_still_tells_that(
    pool: Pool,
) -> None:
    failed = synthesis.SynthesisFailed(
        at_ms=at(60), reply=2, sentence=1, kind="quota", provider="elevenlabs"
    )
    story = Story().stored(1, rang()).stored(50, begun(2, 1, "answer"), sentence(2, 1, "Yes."))
    story.stored(51, passages.PassagesFailed(at_ms=at(51), turn=1, kind="ConnectionError"))
    story.stored(59, line.PlaybackFinished(at_ms=at(59), reply=2)).stored(60, failed)
    rows = await rows_of(pool, story.stored(70, HUNG_UP))
    assert [(r.stage, r.reply, r.followed) for r in rows] == [
        ("rag", 2, "answer"),
        ("tts", 2, "left_out"),
    ]


async def test_a_sentence_dropped_by_an_interruption_is_no_failure(pool: Pool) -> None:
    dropped = synthesis.SynthesisDropped(at_ms=at(60), reply=2, sentence=1, audio_ms=0)
    given_up = dialog.ReplyInterrupted(at_ms=at(59), reply=2, heard="")
    story = Story().stored(1, rang()).stored(59, given_up).stored(60, dropped)
    assert await rows_of(pool, story) == ()
    assert await rows_of(pool, Story().stored(59, HUNG_UP).stored(60, dropped)) == ()
    (row,) = await rows_of(pool, Story().stored(1, rang()).stored(60, dropped))
    assert (row.stage, row.kind, row.reply) == ("tts", "dropped", 2)


async def test_tools_that_fail_are_refused_or_unsure_are_told_apart(pool: Pool) -> None:
    def returned(invocation: str, *, ok: bool = False, unsure: bool = False) -> dialog.ToolReturned:
        result = {"error": "status 500"}
        return dialog.ToolReturned(
            at_ms=at(30), invocation=invocation, tool="book", ok=ok, result=result, unsure=unsure
        )

    called = dialog.ToolCalled(at_ms=at(20), invocation="i1", turn=1, tool="book", arguments={})
    refused = dialog.ToolRefused(at_ms=at(50), tool="cancel", reason="breaks 'required'")
    story = Story().stored(1, rang()).stored(20, called)
    story.stored(30, returned("i1"), *phrase(2, 2, "result"))
    story.stored(40, returned("i2", unsure=True), *phrase(3, 3, "result"))
    story.stored(45, returned("i3", ok=True))
    story.stored(50, refused, *phrase(4, 4, "fallback"))
    found = [
        (row.stage, row.kind, row.tool, row.turn, row.reply, row.followed)
        for row in await rows_of(pool, story)
    ]
    assert found == [
        ("tool", "failed", "book", 1, 2, "result"),
        ("tool", "unsure", "book", 3, 3, "result"),
        ("tool", "refused", "cancel", 4, 4, "fallback"),
    ]


async def test_a_refused_tool_whose_reply_was_begun_before_names_that_reply(pool: Pool) -> None:
    refused = dialog.ToolRefused(at_ms=at(50), tool="cancel", reason="no such tool")
    story = Story().stored(40, begun(2, 1, "answer"), sentence(2, 1, "Let me see."))
    story.stored(50, refused, sentence(2, 2, "Sorry."), finished(2, 2))
    (row,) = await rows_of(pool, story)
    assert (row.turn, row.reply, row.followed) == (1, 2, "fallback")


async def test_a_line_that_was_lost_comes_back_or_ends_the_call_and_is_one_failure(
    pool: Pool,
) -> None:
    def lost(at_ms: int, *, planned: bool = False) -> line.LineLost:
        return line.LineLost(at_ms=at(at_ms), reason="socket closed", reply=2, planned=planned)

    story = Story().stored(1, rang()).stored(10, lost(10))
    story.stored(20, line.LineResumed(at_ms=at(20), stream="MZ2"))
    story.stored(25, lost(25, planned=True))
    story.stored(27, line.LineResumed(at_ms=at(27), stream="MZ3"))
    story.stored(30, lost(30)).stored(40, line.LineEnded(at_ms=at(40), reason="line_lost"))
    story.stored(41, dialog.CallEnded(at_ms=at(41), reason="line_lost", phase="start", turns=0))
    found = [(r.stage, r.kind, r.reply, r.followed) for r in await rows_of(pool, story)]
    assert found == [
        ("line", "socket closed", 2, "returned"),
        ("line", "socket closed", 2, "ended"),
    ]


@pytest.mark.parametrize(("reason", "failures"), [("media_lost", 1), ("agent_hung_up", 0)])
async def test_an_end_nobody_wanted_is_a_failure_of_the_line(
    pool: Pool, reason: line.EndReason, failures: int
) -> None:
    story = Story().stored(1, rang()).stored(40, line.LineEnded(at_ms=at(40), reason=reason))
    rows = await rows_of(pool, story)
    assert [(r.stage, r.kind, r.followed) for r in rows] == [("line", reason, "ended")] * failures


async def test_what_the_end_of_the_call_left_open_was_ended_by_it(pool: Pool) -> None:
    failed = passages.PassagesFailed(at_ms=at(10), turn=1, kind="TimeoutError")
    (row,) = await rows_of(pool, Story().stored(10, failed).stored(20, HUNG_UP))
    assert row.followed == "ended"


async def test_the_most_frequent_kinds_come_first(pool: Pool) -> None:
    for kind in ("quota", "quota", "timeout"):
        failed = synthesis.SynthesisFailed(
            at_ms=at(60), reply=1, sentence=1, kind=kind, provider="elevenlabs"
        )
        await Story().stored(60, failed).remembered(pool, FAILURES)
    found = await read.kinds(pool, TENANT, RANG, RANG + timedelta(hours=1))
    assert [(k.stage, k.kind, k.times, k.calls) for k in found] == [
        ("tts", "quota", 2, 2),
        ("tts", "timeout", 1, 1),
    ]
