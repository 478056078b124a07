"""What the table latency says about where the caller's wait went."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from stories import (
    AGENT,
    TENANT,
    Story,
    at,
    question_answered,
    rang,
    sentence,
    synthesized,
    time_at,
)

from contracts import dialog, line, passages, transcript
from contracts.dialog import InnerFact
from contracts.recorded import Decision, FactCause
from infra.postgres import Pool
from projections.latency import read
from projections.latency.project import LATENCY
from projections.turns import read as turns_read
from projections.turns.project import TURNS

pytestmark = pytest.mark.stack
PARTS = ("stt", "dialog", "passages", "model", "tts", "gateway")
MISHEARD = transcript.UtteranceMisheard(
    at_ms=at(900), utterance=1, reason="unsure", speech_ended_ms=at(500), provider="groq"
)


async def rows_of(pool: Pool, story: Story) -> tuple[read.TurnStage, ...]:
    await story.remembered(pool, LATENCY)
    return await read.of_call(pool, TENANT, story.call)


def decided(story: Story, cause: InnerFact | FactCause) -> Story:
    """The story's last message, as a decision with this cause."""
    last = story.messages[-1]
    decision = Decision(n=1, basis=1, cause=cause)
    story.messages[-1] = replace(last, message=replace(last.message, decision=decision))
    return story


def turn_1(rows: tuple[read.TurnStage, ...]) -> dict[str, read.TurnStage]:
    return {row.stage: row for row in rows if row.turn == 1}


async def test_the_parts_of_a_wait_follow_one_another_and_add_up_to_it(pool: Pool) -> None:
    stages = turn_1(await rows_of(pool, question_answered()))
    assert {name: stage.ms for name, stage in stages.items()} == {
        "stt": 500,
        "dialog": 4,
        "passages": 8,
        "model": 20,
        "tts": 20,
        "gateway": 16,
        "wait": 568,
    }
    assert tuple(name for name, stage in stages.items() if stage.is_part) == PARTS
    assert sum(stages[name].ms for name in PARTS) == stages["wait"].ms
    assert [stage.place for stage in stages.values()] == sorted(s.place for s in stages.values())


async def test_they_are_the_figures_of_the_table_turns(pool: Pool) -> None:
    story = question_answered()
    await story.remembered(pool, TURNS)
    for turn in await turns_read.of_call(pool, TENANT, story.call):
        rows = [row for row in await rows_of(pool, story) if row.turn == turn.turn]
        known = {row.stage: row.ms for row in rows}
        for name in (*PARTS, "wait"):
            assert known.get(name) == pytest.approx(getattr(turn, f"{name}_ms"))


async def test_the_greeting_is_not_waited_for_from_anybodys_words(pool: Pool) -> None:
    greeting = [row for row in await rows_of(pool, question_answered()) if row.turn == 0]
    assert [(row.stage, row.ms) for row in greeting] == [("tts", 12.5), ("gateway", 15.5)]


async def test_each_end_tells_whose_clock_it_is_of(pool: Pool) -> None:
    stages = turn_1(await rows_of(pool, question_answered()))
    clocks = {name: (s.started_clock, s.ended_clock) for name, s in stages.items()}
    assert clocks == {
        "stt": ("gateway", "log"),
        "dialog": ("log", "log"),
        "passages": ("log", "log"),
        "model": ("log", "log"),
        "tts": ("log", "log"),
        "gateway": ("log", "gateway"),
        "wait": ("gateway", "gateway"),
    }


async def test_the_models_own_word_is_told_apart_from_its_way_into_the_log(pool: Pool) -> None:
    story = answering(
        dialog.ModelWrote(at_ms=at(640), reply=1, text="At nine."),
    )
    stages = turn_1(await rows_of(pool, story))
    assert (stages["model_wrote"].ms, stages["model"].ms) == (140, 150)
    assert stages["model_wrote"].ended_clock == "dialog"
    assert not stages["model_wrote"].is_part


async def test_a_phrase_was_written_by_no_model(pool: Pool) -> None:
    stages = turn_1(await rows_of(pool, answering(FactCause(sequence=1))))
    assert "model_wrote" not in stages
    assert stages["model"].ms == 150


async def test_only_the_first_sentence_ends_the_models_stage(pool: Pool) -> None:
    story = answering(FactCause(sequence=1)).stored(900, sentence(1, 2, "Until five."))
    decided(story, dialog.ModelWrote(at_ms=at(890), reply=1, text="Until five."))
    stages = turn_1(await rows_of(pool, story))
    assert "model_wrote" not in stages
    assert stages["model"].ms == 150


def answering(cause: InnerFact | FactCause) -> Story:
    """A turn taken at 500 ms, the first sentence of its reply written at 650 ms."""
    story = Story().stored(1, rang()).stored(500, taken())
    begun = dialog.ReplyBegun(at_ms=at(640), reply=1, turn=1, kind="answer")
    return decided(story.stored(650, begun, sentence(1, 1, "At nine.")), cause)


def taken(turn: int = 1) -> dialog.TurnTaken:
    return dialog.TurnTaken(
        at_ms=at(499), turn=turn, utterance=turn, text="when", intent="hours", kind="question"
    )


async def test_passages_that_come_too_late_overlap_the_models_stage(pool: Pool) -> None:
    story = Story().stored(1, rang()).stored(100, taken())
    story.stored(100, dialog.PassagesWanted(at_ms=at(99), turn=1, question="?", agent=AGENT))
    story.stored(1_600, dialog.PassagesTaken(at_ms=at(1_599), turn=1, late=True))
    story.stored(1_600, dialog.ReplyBegun(at_ms=at(1_599), reply=1, turn=1, kind="answer"))
    story.stored(1_630, sentence(1, 1, "I do not know."))
    story.stored(1_700, passages.PassagesFound(at_ms=at(1_700), turn=1, passages=(), took_ms=1.0))
    stages = turn_1(await rows_of(pool, story))
    assert (stages["model"].ms, stages["passages"].ms) == (30, 1_600)


async def test_a_stage_has_no_row_before_it_is_over(pool: Pool) -> None:
    story = Story().stored(1, rang()).stored(900, MISHEARD)
    assert await rows_of(pool, story) == ()
    misheard = dialog.TurnMisheard(
        at_ms=at(901), turn=1, utterance=1, failures=1, speech_ended_ms=at(500)
    )
    rows = await rows_of(pool, story.stored(902, misheard))
    assert [(row.stage, row.ms) for row in rows] == [("stt", 400), ("dialog", 2)]


async def test_the_providers_that_were_waited_for_are_named(pool: Pool) -> None:
    misheard = dialog.TurnMisheard(
        at_ms=at(901), turn=1, utterance=1, failures=1, speech_ended_ms=at(500)
    )
    begun = dialog.ReplyBegun(at_ms=at(901), reply=1, turn=1, kind="fallback")
    story = Story().stored(900, MISHEARD).stored(902, misheard, begun, sentence(1, 1, "Sorry?"))
    story.stored(930, line.PlaybackStarted(at_ms=at(925), reply=1))
    story.stored(940, replace(synthesized(1, 1, 0.5), cached=True))
    stages = turn_1(await rows_of(pool, story))
    assert stages["stt"].provider == "groq"
    assert (stages["tts"].provider, stages["tts"].cached) == ("espeak", True)
    assert {stages[name].provider for name in ("dialog", "gateway", "wait")} == {None}
    assert {stage.reply for stage in stages.values()} == {1}


async def test_figures_over_many_turns_leave_out_those_before(pool: Pool) -> None:
    for minute, ms in enumerate((100, 200, 300, 400)):
        later = 60_000 * minute
        heard = replace(MISHEARD, speech_ended_ms=at(later))
        turn = dialog.TurnMisheard(
            at_ms=at(later), turn=1, utterance=1, failures=1, speech_ended_ms=at(later)
        )
        story = Story().stored(later + ms, heard).stored(later + ms + 5, turn)
        await story.remembered(pool, LATENCY)
    since = time_at(0) + timedelta(minutes=1)
    figures = await read.since(pool, TENANT, since)
    assert [(f.stage, f.turns, f.p50_ms) for f in figures] == [("stt", 3, 300), ("dialog", 3, 5)]
