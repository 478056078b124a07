"""What the table costs says a call used up, and what that costs by the prices of its day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from stories import AGENT, RANG_MS, TENANT, Story, at, rang

from contracts import dialog, line, synthesis, transcript
from contracts.agent import Agent, AgentPublished, Provider
from contracts.codec import encode
from contracts.streams import agent_subject
from infra.postgres import Pool
from projections.agents.rows import row_of as agent_row
from projections.agents.storing import prepare as prepare_agents
from projections.agents.storing import store as store_agents
from projections.costs import read
from projections.costs.prices import Price, store_prices
from projections.costs.project import COSTS

pytestmark = pytest.mark.stack
RANG = datetime.fromtimestamp(RANG_MS / 1000, UTC)
DAY = RANG.date()
Used = dict[tuple[str, str, str], float]  # by kind, provider and unit


async def rows_of(pool: Pool, story: Story, *prices: Price) -> tuple[read.Use, ...]:
    await prepare_agents(pool)
    await store_prices(pool, prices)
    await story.remembered(pool, COSTS)
    return await read.of_call(pool, TENANT, story.call)


async def used(pool: Pool, story: Story) -> Used:
    return {(u.kind, u.provider, u.unit): u.quantity for u in await rows_of(pool, story)}


def answered() -> Story:
    return Story().stored(1, rang()).stored(2, line.LineAnswered(at_ms=at(1_000), stream="MZ"))


def ended(at_ms: int) -> line.LineEnded:
    return line.LineEnded(at_ms=at(at_ms), reason="caller_hung_up")


def speech(utterance: int, first: int, last: int) -> tuple[line.SpeechStarted, line.SpeechEnded]:
    return (
        line.SpeechStarted(at_ms=at(first * 20), utterance=utterance, first_frame=first),
        line.SpeechEnded(at_ms=at(0), utterance=utterance, last_frame=last, ended_ms=at(last * 20)),
    )


def heard(utterance: int, provider: str = "deepgram") -> transcript.TranscriptFinalized:
    return transcript.TranscriptFinalized(
        at_ms=at(0),
        utterance=utterance,
        text="yes",
        confidence=1.0,
        speech_ended_ms=at(0),
        provider=provider,
    )


def price(kind: str, provider: str, unit: str, amount: str, **other: object) -> Price:
    return Price(  # type: ignore[arg-type]
        kind=kind, provider=provider, unit=unit, price=Decimal(amount), currency="USD", **other
    )


async def test_a_call_that_was_never_answered_used_nothing(pool: Pool) -> None:
    story = Story().stored(1, rang()).stored(2, ended(9_000))
    assert await used(pool, story) == {}


async def test_speech_and_line_are_counted_for_the_recogniser_that_heard_them(pool: Pool) -> None:
    story = answered().stored(3, *speech(1, 100, 149)).stored(4, *speech(2, 160, 209))
    story.stored(5, heard(2)).stored(6, *speech(3, 300, 324)).stored(7, ended(61_500))
    assert await used(pool, story) == {
        ("stt", "deepgram", "speech_seconds"): 2.5,
        ("stt", "deepgram", "line_seconds"): 60.5,
        ("carrier", "loopback", "seconds"): 60.5,
        ("carrier", "loopback", "minutes_begun"): 2,
    }


async def test_speech_that_ends_after_its_transcript_is_counted_once(pool: Pool) -> None:
    began, ceased = speech(1, 100, 149)
    story = answered().stored(3, began).stored(4, heard(1)).stored(5, ceased)
    assert await used(pool, story) == {("stt", "deepgram", "speech_seconds"): 1.0}


async def test_speech_is_counted_for_each_recogniser_that_heard_some(pool: Pool) -> None:
    misheard = transcript.UtteranceMisheard(
        at_ms=at(0),
        utterance=2,
        reason="provider_failed",
        speech_ended_ms=at(0),
        provider="pocketsphinx",
    )
    story = answered().stored(3, *speech(1, 0, 49)).stored(4, *speech(2, 100, 199))
    story.stored(5, heard(1)).stored(6, misheard)
    assert await used(pool, story) == {
        ("stt", "deepgram", "speech_seconds"): 1.0,
        ("stt", "pocketsphinx", "speech_seconds"): 2.0,
    }


@pytest.mark.parametrize(("unbroken", "seconds"), [(False, 9.0), (True, 14.0)])
async def test_time_without_a_line_is_not_counted_unless_it_was_only_thought_lost(
    pool: Pool, unbroken: bool, seconds: float
) -> None:
    story = answered().stored(3, line.LineLost(at_ms=at(5_000), reason="closed"))
    resumed = line.LineResumed(at_ms=at(10_000), stream="MZ2", unbroken=unbroken)
    story.stored(4, resumed).stored(5, ended(15_000))
    assert (await used(pool, story))["carrier", "loopback", "seconds"] == seconds


async def test_the_lines_own_end_counts_whichever_end_is_recorded_first(pool: Pool) -> None:
    by_dialog = dialog.CallEnded(at_ms=at(3_500), reason="bus_lost", phase="start", turns=0)
    for ends in ((by_dialog, ended(3_000)), (ended(3_000), by_dialog)):
        story = answered().stored(3, ends[0]).stored(4, ends[1])
        assert (await used(pool, story))["carrier", "loopback", "seconds"] == 2.0


async def test_what_the_carrier_bills_counts_whenever_it_tells(pool: Pool) -> None:
    report = line.CarrierReported(at_ms=at(0), status="completed", sequence=3, duration_s=61)
    ringing = line.CarrierReported(at_ms=at(0), status="ringing", sequence=1)
    for last in ((report, ended(3_000)), (ended(3_000), report)):
        story = answered().stored(3, ringing).stored(4, last[0]).stored(5, last[1])
        billed = [row for row in await rows_of(pool, story) if row.kind == "carrier"]
        assert [(b.unit, b.quantity, b.estimated) for b in billed] == [
            ("minutes_begun", 2.0, False),
            ("seconds", 61.0, False),
        ]
    unreported = await rows_of(pool, answered().stored(3, ended(3_000)))
    assert {row.estimated for row in unreported if row.kind == "carrier"} == {True}


async def test_cached_and_dropped_sentences_are_counted_apart(pool: Pool) -> None:
    voice = dialog.Voice(provider="elevenlabs", model="turbo")
    story = answered()
    for sentence in (1, 2, 3):
        story.stored(
            3,
            dialog.SentenceWritten(at_ms=at(3), reply=1, sentence=sentence, text="x", voice=voice),
        )
    for sentence, cached in ((1, True), (2, False)):
        spoken = synthesis.SentenceSynthesized(
            at_ms=at(4),
            reply=1,
            sentence=sentence,
            audio_ms=1_500,
            first_audio_ms=1.0,
            took_ms=2.0,
            characters=20,
            provider="elevenlabs",
            cached=cached,
        )
        story.stored(4, spoken)
    story.stored(5, synthesis.SynthesisDropped(at_ms=at(5), reply=1, sentence=3, audio_ms=400))
    rows = await rows_of(pool, story)
    assert {(r.provider, r.model) for r in rows} == {("elevenlabs", "turbo")}
    assert {r.unit: r.quantity for r in rows} == {
        "cached_characters": 20,
        "cached_seconds": 1.5,
        "characters": 20,
        "seconds": 1.5,
        "dropped_seconds": 0.4,
    }


async def test_answers_begun_early_and_not_used_are_paid_for_and_told_apart(pool: Pool) -> None:
    story = answered()
    story.stored(
        3, dialog.ReplyFinished(at_ms=at(2), reply=1, sentences=1, tokens_in=1_000, tokens_out=50)
    )
    story.stored(
        4,
        dialog.DraftDiscarded(
            at_ms=at(3),
            utterance=2,
            reason="resumed",
            tokens_in=900,
            tokens_out=7,
            estimated=True,
        ),
        dialog.DraftDiscarded(at_ms=at(3), utterance=2, reason="failed"),
    )
    rows = await rows_of(pool, story)
    assert {(u.unit, u.quantity, u.estimated) for u in rows if u.kind == "llm"} == {
        ("tokens_in", 1_900, True),
        ("tokens_out", 57, True),
        ("discarded_tokens_in", 900, True),
        ("discarded_tokens_out", 7, True),
    }


async def test_what_it_cost_to_ask_for_tools_is_counted(pool: Pool) -> None:
    story = answered()
    story.stored(
        3,
        dialog.ToolProposed(
            at_ms=at(2), invocation="run-1", tool="book", arguments={}, tokens_in=900, tokens_out=12
        ),
    )
    story.stored(
        4, dialog.ToolCalled(at_ms=at(3), invocation="run-1", turn=1, tool="book", arguments={})
    )
    story.stored(
        5,
        dialog.ToolRefused(at_ms=at(4), tool="book", reason="$.day", tokens_in=100, tokens_out=3),
    )
    rows = await rows_of(pool, story)
    assert {u.unit: u.quantity for u in rows if u.kind == "llm"} == {
        "tokens_in": 1_000,
        "tokens_out": 15,
    }


async def test_tokens_are_priced_by_the_model_of_the_agents_revision(pool: Pool) -> None:
    await prepare_agents(pool)
    agent = Agent(name=AGENT.agent, llm=Provider(provider="groq", model="large"))
    for sequence, revision in enumerate((2, 3), start=1):
        published = AgentPublished(at_ms=at(0), revision=revision, agent=agent)
        row = agent_row(agent_subject(TENANT, AGENT.agent), sequence, encode(published))
        await store_agents(pool, [row], after=sequence - 1, last=sequence)
    story = answered()
    for reply in (1, 2):
        story.stored(
            3,
            dialog.ReplyFinished(
                at_ms=at(3), reply=reply, sentences=1, tokens_in=1_000, tokens_out=50
            ),
        )
    rows = await rows_of(
        pool,
        story,
        price("llm", "groq", "tokens_in", "9", model="small"),
        price("llm", "groq", "tokens_in", "0.59", model="large", per=Decimal(1_000_000)),
        price("llm", "groq", "tokens_in", "7"),
    )
    assert [(r.provider, r.model, r.unit, r.quantity) for r in rows] == [
        ("groq", "large", "tokens_in", 2_000),
        ("groq", "large", "tokens_out", 100),
    ]
    assert [(r.cost, r.currency) for r in rows] == [(Decimal("0.00118"), "USD"), (None, None)]


async def test_a_call_costs_what_was_asked_on_its_day(pool: Pool) -> None:
    rows = await rows_of(
        pool,
        answered().stored(3, ended(61_500)),
        price("carrier", "loopback", "minutes_begun", "1", from_day=DAY - timedelta(days=9)),
        price("carrier", "loopback", "minutes_begun", "2", from_day=DAY),
        price("carrier", "loopback", "minutes_begun", "4", from_day=DAY + timedelta(days=1)),
    )
    assert {r.unit: r.cost for r in rows if r.kind == "carrier"} == {
        "minutes_begun": 4,
        "seconds": None,
    }


async def test_a_call_before_the_first_price_costs_nothing_known(pool: Pool) -> None:
    later = price("carrier", "loopback", "seconds", "4", from_day=DAY + timedelta(days=1))
    rows = await rows_of(pool, answered().stored(3, ended(61_500)), later)
    assert {r.cost for r in rows} == {None}


async def test_bills_sum_the_calls_of_a_time(pool: Pool) -> None:
    asked = price("carrier", "loopback", "seconds", "0.5")
    for _ in range(2):
        await rows_of(pool, answered().stored(3, ended(3_000)), asked)
    bills = await read.bills(pool, TENANT, RANG, RANG + timedelta(hours=1))
    (bill,) = [b for b in bills if b.unit == "seconds"]
    assert (bill.calls, bill.quantity, bill.cost, bill.currency) == (2, 4.0, Decimal("2.0"), "USD")
    assert await read.bills(pool, TENANT, RANG - timedelta(hours=1), RANG) == ()


async def test_a_row_tells_when_and_for_whom_the_call_rang(pool: Pool) -> None:
    story = answered().stored(3, ended(3_000))
    await rows_of(pool, story)
    rows = await pool.fetch("SELECT DISTINCT at, agent, revision FROM costs")
    assert [tuple(row) for row in rows] == [(RANG, AGENT.agent, AGENT.revision)]
