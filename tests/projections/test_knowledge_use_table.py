"""What the tables of the knowledge say: which passages were used, and what was not covered."""

import pytest
from stories import AGENT, TENANT, Story, at, passage, question_answered, rang, time_at

from contracts import dialog, passages
from infra.postgres import Pool
from projections.knowledge_use import read
from projections.knowledge_use.project import KNOWLEDGE_USE

pytestmark = pytest.mark.stack
NOTHING = passages.PassagesFound(at_ms=at(20), turn=1, passages=(), took_ms=2.0)


async def passages_of(pool: Pool, story: Story) -> tuple[read.UsedPassage, ...]:
    await story.remembered(pool, KNOWLEDGE_USE)
    return await read.passages(pool, TENANT, story.call)


async def question_of(pool: Pool, story: Story) -> read.Question:
    await story.remembered(pool, KNOWLEDGE_USE)
    (question,) = await read.of_call(pool, TENANT, story.call)
    return question


def asked(turn: int = 1, at_ms: int = 10, question: str = "do you take cats") -> Story:
    wanted = dialog.PassagesWanted(at_ms=at(at_ms), turn=turn, question=question, agent=AGENT)
    return Story().stored(1, rang()).stored(at_ms, wanted)


def begun(turn: int, kind: dialog.ReplyKind, reply: int = 1) -> dialog.ReplyBegun:
    return dialog.ReplyBegun(at_ms=at(30), reply=reply, turn=turn, kind=kind)


async def test_an_answer_names_the_passages_it_was_written_from_the_best_first(pool: Pool) -> None:
    rows = await passages_of(pool, question_answered())
    assert [(row.turn, row.rank, row.document, row.chunk, row.score) for row in rows] == [
        (1, 1, "prices", 4, 7.5),
        (1, 2, "prices", 1, 2.5),
    ]
    assert [(row.title, row.used) for row in rows] == [("Prices", True), ("Prices", True)]
    assert {row.found_at for row in rows} == {time_at(5_211)}


async def test_a_question_tells_what_came_of_it(pool: Pool) -> None:
    question = await question_of(pool, question_answered())
    assert (question.question, question.agent, question.revision) == (
        "what is a check-up",
        AGENT.agent,
        3,
    )
    assert (question.found, question.used, question.took_ms) == (2, 2, 3.0)
    assert (question.top_score, question.top_document) == (7.5, "prices")
    assert (question.reply_kind, question.transferred_after, question.late) == (
        "answer",
        False,
        False,
    )


async def test_a_passage_that_was_found_and_left_out_was_not_used(pool: Pool) -> None:
    found = passages.PassagesFound(
        at_ms=at(20), turn=1, passages=(passage(4, 7.5), passage(1, 2.5)), took_ms=2.0
    )
    story = asked().stored(20, found)
    story.stored(30, dialog.PassagesTaken(at_ms=at(30), turn=1, sources=("prices#1",)))
    assert [row.used for row in await passages_of(pool, story)] == [False, True]
    assert (await question_of(pool, story)).used == 1


async def test_passages_that_came_too_late_were_found_and_not_used(pool: Pool) -> None:
    story = asked().stored(30, dialog.PassagesTaken(at_ms=at(30), turn=1, late=True))
    late = passages.PassagesFound(at_ms=at(40), turn=1, passages=(passage(4, 7.5),), took_ms=9.0)
    question = await question_of(pool, story.stored(40, late))
    assert (question.found, question.used, question.late) == (1, 0, True)
    assert [row.used for row in await passages_of(pool, story)] == [False]


async def test_a_question_that_found_nothing_is_listed_with_what_the_caller_got(pool: Pool) -> None:
    story = asked().stored(20, NOTHING).stored(30, begun(1, "fallback"))
    story.stored(90, dialog.TransferRequested(at_ms=at(90), to="+15550111", reason="asked"))
    await story.remembered(pool, KNOWLEDGE_USE)
    await question_answered().remembered(pool, KNOWLEDGE_USE)  # one that is covered
    (question,) = await read.not_covered(pool, TENANT, time_at(0))
    assert (question.call, question.question) == (story.call, "do you take cats")
    assert (question.found, question.top_score, question.top_document) == (0, None, None)
    assert (question.reply_kind, question.transferred_after) == ("fallback", True)
    assert await passages_of(pool, story) == ()


async def test_what_is_not_covered_is_listed_by_time_the_newest_first(pool: Pool) -> None:
    for ms in (10, 3_000, 2_000):
        await (
            asked(at_ms=ms, question=f"at {ms}")
            .stored(ms + 9, NOTHING)
            .remembered(pool, KNOWLEDGE_USE)
        )
    found = await read.not_covered(pool, TENANT, time_at(1_000))
    assert [each.question for each in found] == ["at 3000", "at 2000"]
    assert len(await read.not_covered(pool, TENANT, time_at(0), limit=1)) == 1


async def test_a_knowledge_that_could_not_be_asked_does_not_count_as_not_covering(
    pool: Pool,
) -> None:
    failed = passages.PassagesFailed(at_ms=at(20), turn=1, kind="Timeout")
    question = await question_of(pool, asked().stored(20, failed))
    assert (question.found, question.failure) == (None, "Timeout")
    assert await read.not_covered(pool, TENANT, time_at(0)) == ()


async def test_the_first_reply_counts_and_not_the_phrase_for_a_line_that_is_back(
    pool: Pool,
) -> None:
    story = asked().stored(20, NOTHING)
    for reply, kind in enumerate(("bridge", "answer", "fallback"), start=1):
        story.stored(30 + reply, begun(1, kind, reply))
    assert (await question_of(pool, story)).reply_kind == "answer"


async def test_an_answer_given_twice_counts_once(pool: Pool) -> None:
    found = passages.PassagesFound(at_ms=at(20), turn=1, passages=(passage(4, 7.5),), took_ms=2.0)
    question = await question_of(pool, asked().stored(20, found).stored(21, NOTHING))
    assert (question.found, question.top_score) == (1, 7.5)


async def test_a_transfer_before_the_question_did_not_come_of_it(pool: Pool) -> None:
    story = Story().stored(1, rang())
    story.stored(2, dialog.TransferRequested(at_ms=at(2), to="+15550111", reason="asked"))
    wanted = dialog.PassagesWanted(at_ms=at(10), turn=1, question="?", agent=AGENT)
    assert not (await question_of(pool, story.stored(10, wanted))).transferred_after
