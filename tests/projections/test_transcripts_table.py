"""What the table transcripts says about what was said, and where its words are found."""

import re

import pytest
from msgspec.structs import replace
from stories import AGENT, TENANT, Story, at, question_answered, rang, sentence

from contracts import dialog, line, transcript
from infra.postgres import Pool
from projections.schema import prepare
from projections.transcripts import read
from projections.transcripts.project import TRANSCRIPTS

pytestmark = pytest.mark.stack


async def rows_of(pool: Pool, story: Story) -> tuple[read.Utterance, ...]:
    await story.remembered(pool, TRANSCRIPTS)
    return await read.of_call(pool, TENANT, story.call)


def opened(language: str = "en-US") -> Story:
    called = dialog.CallOpened(at_ms=at(1), agent=AGENT, language=language)
    return Story().stored(1, rang()).stored(2, called)


def heard(text: str, utterance: int = 1, language: str = "") -> transcript.TranscriptFinalized:
    return transcript.TranscriptFinalized(
        at_ms=at(190),
        utterance=utterance,
        text=text,
        confidence=0.9,
        speech_ended_ms=at(100),
        provider="deepgram",
        language=language,
    )


def answered(*texts: str) -> Story:
    """A call in which reply 1 has these sentences."""
    begun = dialog.ReplyBegun(at_ms=at(10), reply=1, turn=1, kind="answer")
    written = [sentence(1, place, text, at(10)) for place, text in enumerate(texts, start=1)]
    return opened().stored(10, begun, *written)


def said(rows: tuple[read.Utterance, ...]) -> list[tuple[str, str | None, bool]]:
    return [(row.text, row.heard, row.interrupted) for row in rows]


async def test_a_call_reads_as_a_conversation_in_its_order(pool: Pool) -> None:
    rows = await rows_of(pool, question_answered())
    assert [(row.speaker, row.turn, row.text) for row in rows] == [
        ("agent", 0, "Hello."),
        ("agent", 0, "How can I help?"),
        ("caller", 1, "what is a check-up"),
        ("agent", 1, "A check-up is 40 pounds."),
    ]
    assert [row.kind for row in rows] == ["greeting", "greeting", "question", "answer"]
    assert {row.language for row in rows} == {"en-US"}


async def test_what_the_caller_said_is_known_before_it_is_a_turn(pool: Pool) -> None:
    (row,) = await rows_of(pool, opened().stored(200, heard("what is a check-up")))
    assert (row.turn, row.kind, row.utterance) == (None, None, 1)
    assert (row.confidence, row.provider, row.heard) == (0.9, "deepgram", None)
    assert row.at.timestamp() * 1000 == at(100)


async def test_a_key_that_stands_for_words_is_said_by_the_caller(pool: Pool) -> None:
    taken = dialog.TurnTaken(
        at_ms=at(300), turn=1, utterance=0, text="yes", intent="yes", kind="confirm"
    )
    rows = await rows_of(pool, opened().stored(300, taken).stored(400, replace(taken, turn=2)))
    assert [(row.turn, row.text, row.provider) for row in rows] == [
        (1, "yes", "keys"),
        (2, "yes", "keys"),
    ]


async def test_a_sentence_written_is_not_heard_before_anybody_says_so(pool: Pool) -> None:
    story = answered("At nine.", "Until five.")
    assert [row.heard for row in await rows_of(pool, story)] == [None, None]
    story.stored(20, line.SentencePlayed(at_ms=at(20), reply=1, sentence=1))
    assert [row.heard for row in await rows_of(pool, story)] == ["whole", None]
    story.stored(30, dialog.ReplyHeard(at_ms=at(30), reply=1))
    assert [row.heard for row in await rows_of(pool, story)] == ["whole", "whole"]


async def test_an_interrupted_reply_was_heard_up_to_where_it_was_cut(pool: Pool) -> None:
    cut = dialog.ReplyInterrupted(at_ms=at(50), reply=1, heard="x", sentence=2, played_ms=300)
    rows = await rows_of(pool, answered("One.", "Two.", "Three.").stored(50, cut))
    assert said(rows) == [
        ("One.", "whole", False),
        ("Two.", "part", True),
        ("Three.", "none", True),
    ]


async def test_a_reply_given_up_before_it_was_played_was_not_heard(pool: Pool) -> None:
    given_up = dialog.ReplyInterrupted(at_ms=at(50), reply=1, heard="")
    assert said(await rows_of(pool, answered("One.").stored(50, given_up))) == [
        ("One.", "none", True)
    ]


async def test_what_a_broken_line_cut_off_and_was_said_again_is_no_interruption(
    pool: Pool,
) -> None:
    story = answered("One.", "Two.")
    story.stored(50, dialog.CallerLost(at_ms=at(50), reply=1, sentences=1))
    story.stored(
        90,
        dialog.CallerReturned(at_ms=at(90), stint=2, reply=1),
        dialog.ReplyInterrupted(at_ms=at(90), reply=1, heard="One.", resumed=True),
        dialog.ReplyBegun(at_ms=at(90), reply=2, turn=1, kind="answer", resumes=1),
        replace(sentence(2, 1, "Two."), again=True),
    )
    rows = await rows_of(pool, story)
    assert said(rows) == [("One.", "whole", False), ("Two.", "none", False), ("Two.", None, False)]
    assert [row.repeated for row in rows] == [False, False, True]


async def test_the_recognisers_language_counts_before_the_calls(pool: Pool) -> None:
    story = opened("en-US").stored(200, heard("guten Tag", 1, "de-DE"))
    rows = await rows_of(pool, story.stored(300, heard("hello", 2)))
    assert [row.language for row in rows] == ["de-DE", "en-US"]


async def test_words_are_found_in_any_of_their_forms_with_what_stands_around_them(
    pool: Pool,
) -> None:
    story = opened().stored(200, heard("two appointments for my daughters"))
    await story.remembered(pool, TRANSCRIPTS)
    (found,) = await read.search(pool, TENANT, "appointment daughter")
    assert (found.call, found.speaker) == (story.call, "caller")
    assert found.snippet == "two **appointments** for my **daughters**"


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("de-DE", "ich hätte gern zwei Termine", "Termin"),
        ("ES", "necesito dos citas", "cita"),
        ("ja", "予約 お願いします", "予約"),
        ("", "anything", "anything"),
    ],
)
async def test_each_language_is_searched_by_its_own_forms(
    pool: Pool, language: str, text: str, words: str
) -> None:
    story = opened("").stored(200, heard(text, 1, language))
    await story.remembered(pool, TRANSCRIPTS)
    assert [each.call for each in await read.search(pool, TENANT, words)] == [story.call]


async def test_a_language_is_not_searched_by_the_forms_of_another(pool: Pool) -> None:
    in_english = opened().stored(200, heard("hablando", 1, "en"))
    in_spanish = opened().stored(200, heard("hablando", 1, "es"))
    for story in (in_english, in_spanish):
        await story.remembered(pool, TRANSCRIPTS)
    assert [each.call for each in await read.search(pool, TENANT, "hablar")] == [in_spanish.call]


async def test_a_search_takes_phrases_alternatives_and_exclusions(pool: Pool) -> None:
    texts = ("tooth pain since monday", "pain in the tooth", "knee pain")
    story = opened()
    for utterance, text in enumerate(texts, start=1):
        story.stored(200 + utterance, heard(text, utterance))
    await story.remembered(pool, TRANSCRIPTS)

    async def found(words: str) -> set[str]:
        return {each.snippet.replace("*", "") for each in await read.search(pool, TENANT, words)}

    assert await found('"tooth pain"') == {texts[0]}
    assert await found("monday or knee") == {texts[0], texts[2]}
    assert await found("pain -tooth") == {texts[2]}
    assert await found("the") == set()
    assert await found("' & ( \\") == set()


async def test_the_newest_are_found_first_and_no_more_than_asked_for(pool: Pool) -> None:
    calls = []
    for minute in (1, 3, 2):
        words = replace(heard("hello"), speech_ended_ms=at(60_000 * minute))
        story = opened().stored(200, words)
        await story.remembered(pool, TRANSCRIPTS)
        calls.append(story.call)
    found = await read.search(pool, TENANT, "hello", 2)
    assert [each.call for each in found] == [calls[1], calls[2]]


async def test_nothing_of_another_tenant_is_found(pool: Pool) -> None:
    await opened().stored(200, heard("hello")).remembered(pool, TRANSCRIPTS)
    assert await read.search(pool, type(TENANT)("other"), "hello") == ()


async def test_a_transcript_of_a_megabyte_is_kept_whole_and_found_by_its_beginning(
    pool: Pool,
) -> None:
    text = " ".join(f"w{number:x}" for number in range(180_000))
    assert len(text) > 1_000_000
    (row,) = await rows_of(pool, opened().stored(200, heard(text)))
    assert row.text == text
    assert len(await read.search(pool, TENANT, "w1f3")) == 1


async def test_every_language_that_postgresql_knows_has_its_configuration(pool: Pool) -> None:
    query = "SELECT cfgname FROM pg_ts_config WHERE cfgnamespace = 'pg_catalog'::regnamespace"
    known = {row["cfgname"] for row in await pool.fetch(query)}
    for quoted in (r"'(\w+)'$", r"'(\w+)'::regconfig$"):
        named = re.findall(rf"(?:THEN|ELSE) {quoted}", TRANSCRIPTS.definition, re.MULTILINE)
        assert set(named) == known - {"estonian"}  # new in 18; an older server may be used


async def test_a_search_looks_into_the_index(pool: Pool) -> None:
    story = opened()
    for utterance in range(1, 3_000):
        story.stored(200 + utterance, heard(f"word{utterance} and more", utterance))
    await story.remembered(pool, TRANSCRIPTS)
    generation = await prepare(pool, TRANSCRIPTS)
    assert generation is not None
    await pool.execute(f"ANALYZE {generation.schema}.transcripts")
    plan = await pool.fetch(f"EXPLAIN {read.SEARCH}", TENANT, "word17", 20)
    assert any("transcripts_by_words" in row["QUERY PLAN"] for row in plan)
