"""What the tables say of a provider that failed and of the one that went on."""

import pytest
from stories import Story, at, rang
from test_failures_table import begun, rows_of

from contracts import dialog, synthesis, transcript
from infra.postgres import Pool
from projections.costs.project import COSTS
from projections.timeline.labels import entry

pytestmark = pytest.mark.stack

HEARD = transcript.RecogniserSwitched(
    at_ms=at(10),
    utterance=1,
    from_provider="deepgram",
    to_provider="pocketsphinx",
    kind="disconnected",
    stage="amid",
)
WROTE = dialog.ModelSwitched(
    at_ms=at(20),
    reply=2,
    from_provider="groq",
    to_provider="rules",
    kind="timeout",
    stage="first",
    wait_ms=3_000,
)
SPOKE = synthesis.VoiceSwitched(
    at_ms=at(30),
    reply=2,
    sentence=1,
    from_provider="elevenlabs",
    to_provider="espeak",
    kind="quota",
    stage="first",
)
SPOKEN = synthesis.SentenceSynthesized(
    at_ms=at(40),
    reply=2,
    sentence=1,
    audio_ms=2_000,
    first_audio_ms=80.0,
    took_ms=90.0,
    characters=22,
    provider="espeak",
)


async def test_each_switch_is_a_failure_that_was_followed_by_another_provider(pool: Pool) -> None:
    story = Story().stored(1, rang()).stored(10, HEARD).stored(15, begun(2, 1, "answer"))
    story.stored(20, WROTE).stored(40, SPOKE, SPOKEN)
    rows = await rows_of(pool, story)
    told = [(row.stage, row.kind, row.provider, row.reply, row.turn) for row in rows]
    assert told == [
        ("stt", "disconnected", "deepgram", None, None),
        ("llm", "timeout", "groq", 2, 1),
        ("tts", "quota", "elevenlabs", 2, 1),
    ]
    assert {row.followed for row in rows} == {"switched"}


async def test_a_sentence_costs_what_the_voice_takes_that_spoke_it(pool: Pool) -> None:
    voice = dialog.Voice(
        provider="elevenlabs",
        model="eleven_flash_v2_5",
        fallbacks=(dialog.FallbackVoice(provider="espeak", model="mbrola"),),
    )
    written = dialog.SentenceWritten(at_ms=at(20), reply=2, sentence=1, text="Yes.", voice=voice)
    story = Story().stored(1, rang()).stored(20, written).stored(40, SPOKE, SPOKEN)
    await story.remembered(pool, COSTS)
    rows = await pool.fetch("SELECT provider, model, quantity FROM costs WHERE unit = 'characters'")
    assert [tuple(row) for row in rows] == [("espeak", "mbrola", 22.0)]


async def test_a_reply_costs_what_the_model_takes_that_wrote_it(pool: Pool) -> None:
    first = dialog.ReplyFinished(at_ms=at(20), reply=2, sentences=1, tokens_in=30)
    other = dialog.ReplyFinished(
        at_ms=at(50), reply=3, sentences=1, tokens_in=40, provider="openai", model="gpt-5-mini"
    )
    story = Story().stored(1, rang()).stored(20, first).stored(50, other)
    await story.remembered(pool, COSTS)
    rows = await pool.fetch("SELECT provider, model, quantity FROM costs ORDER BY provider")
    assert [tuple(row) for row in rows] == [("", "", 30.0), ("openai", "gpt-5-mini", 40.0)]


def test_the_timeline_names_both_and_why() -> None:
    assert entry(HEARD).label == "is listened to by pocketsphinx instead of deepgram: disconnected"
    assert entry(WROTE).label == "reply 2 is written by rules instead of groq: timeout"
    assert entry(SPOKE).label == (
        "reply 2: sentence 1 is spoken by espeak instead of elevenlabs: quota"
    )
