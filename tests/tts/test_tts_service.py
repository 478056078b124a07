"""Sentences in, audio and outcomes out, over a real nats-server."""

import asyncio

import pytest
from eventually import eventually_async
from exchange import TENANT, Exchange, now_ms, sentence
from voices import Failing, Held, Timed

from contracts.dialog import CallEnded, PhaseEntered
from contracts.event import OwnerClaimed
from contracts.ids import new_call_id
from contracts.recorded import Message
from contracts.streams import audio_subject
from contracts.synthesis import SentenceSynthesized, SynthesisDropped, SynthesisFailed
from services.audio.frames import CHUNK_BYTES, FRAME_BYTES, unpack_agent
from services.tts.app import Settings
from services.tts.provider import TextToSpeech
from services.tts.providers.tone import Tone

pytestmark = pytest.mark.stack


async def test_a_written_sentence_is_heard_and_recorded(exchange: Exchange) -> None:
    async with exchange.worker({"tone": Tone()}):
        await exchange.write(sentence("Good morning.", reply=3, number=2), epoch=7)
        (spoken,) = await exchange.outcomes(1)
    chunks = exchange.chunks
    assert {(c.epoch, c.reply, c.sentence) for c in chunks} == {(7, 3, 2)}
    sizes = [len(c.mulaw) for c in chunks]
    assert [c.start_bytes for c in chunks] == [sum(sizes[:at]) for at in range(len(sizes))]
    assert [c.last for c in chunks] == [False] * (len(chunks) - 1) + [True]
    assert all(len(c.mulaw) <= CHUNK_BYTES and len(c.mulaw) % FRAME_BYTES == 0 for c in chunks)
    assert isinstance(spoken, SentenceSynthesized)
    assert (spoken.reply, spoken.sentence, spoken.characters) == (3, 2, 13)
    assert spoken.audio_ms == sum(len(c.mulaw) for c in chunks) / 8 == 13 * 60
    assert (spoken.provider, spoken.cached) == ("tone", False)
    assert 0 <= spoken.first_audio_ms <= spoken.took_ms


@pytest.mark.parametrize("fixed", [False, True])
async def test_the_log_keeps_when_each_word_ends(exchange: Exchange, fixed: bool) -> None:
    async with exchange.worker({"timed": Timed(400, 950)}):
        await exchange.write(sentence("Good morning.", provider="timed", fixed=fixed))
        (spoken,) = await exchange.outcomes(1)
    assert isinstance(spoken, SentenceSynthesized)
    assert (spoken.word_ends_ms, spoken.audio_ms) == ((400, 950), 1_000)


async def test_times_of_other_words_than_those_written_are_not_kept(exchange: Exchange) -> None:
    async with exchange.worker({"timed": Timed(400, 950)}):
        await exchange.write(sentence("Good morning to you.", provider="timed"))
        (spoken,) = await exchange.outcomes(1)
    assert isinstance(spoken, SentenceSynthesized)
    assert spoken.word_ends_ms == ()


async def test_several_sentences_of_one_decision_are_all_spoken(exchange: Exchange) -> None:
    async with exchange.worker({"tone": Tone()}):
        await exchange.write(sentence(number=1), sentence(number=2), sentence(number=3))
        outcomes = await exchange.outcomes(3)
    assert sorted(o.sentence for o in outcomes) == [1, 2, 3]
    assert [c.sentence for c in exchange.chunks if c.last] == [1, 2, 3]


async def test_a_later_sentence_is_not_begun_before_the_earlier_one_is_heard(
    exchange: Exchange,
) -> None:
    held = Held()
    async with exchange.worker({"held": held, "tone": Tone()}):
        await exchange.write(sentence(number=1, provider="held"))
        await exchange.write(sentence(number=2))
        held.let_go.set()
        await exchange.outcomes(2)
    assert exchange.chunks[0].sentence == 1


async def test_an_interrupted_reply_falls_silent_at_once(exchange: Exchange) -> None:
    held = Held()
    async with exchange.worker({"held": held}):
        await exchange.write(sentence(provider="held"))
        await exchange.heard(1)
        await exchange.interrupt(reply=1)
        (dropped,) = await exchange.outcomes(1)
        await exchange.settled()
    assert isinstance(dropped, SynthesisDropped)
    assert dropped.audio_ms == 20
    assert held.stopped == 1
    assert not any(c.last for c in exchange.chunks)


async def test_the_next_reply_is_spoken_after_an_interruption(exchange: Exchange) -> None:
    async with exchange.worker({"tone": Tone()}):
        await exchange.interrupt(reply=1)
        await exchange.write(sentence(reply=1, number=2))
        await exchange.write(sentence(reply=2))
        outcomes = await exchange.outcomes(2)
    assert {type(o): o.reply for o in outcomes} == {SynthesisDropped: 1, SentenceSynthesized: 2}


async def test_a_call_that_ends_falls_silent(exchange: Exchange) -> None:
    held = Held()
    async with exchange.worker({"held": held}):
        await exchange.write(sentence(provider="held"))
        await exchange.heard(1)
        await exchange.write(CallEnded(at_ms=now_ms(), reason="caller", phase="start", turns=0))
        (dropped,) = await exchange.outcomes(1)
    assert isinstance(dropped, SynthesisDropped)


async def test_what_an_owner_wrote_is_spoken_though_another_has_claimed_the_call(
    exchange: Exchange,
) -> None:
    """Only what comes after the claim, by whoever had no right to it any more, is refused."""
    held = Held()
    async with exchange.worker({"held": held, "tone": Tone()}):
        await exchange.write(sentence(provider="held"), epoch=1)
        await exchange.heard(1)
        claimed = OwnerClaimed(at_ms=now_ms(), role="dialog", host="dialog-2", epoch=2)
        await exchange.write(claimed, epoch=2)
        await exchange.write(sentence(reply=2), epoch=1)
        await exchange.write(sentence(reply=3), epoch=2)
        await exchange.outcomes(2)
        held.let_go.set()
        outcomes = await exchange.outcomes(3)
    came = {outcome.reply: type(outcome) for outcome in outcomes}
    assert came == {1: SentenceSynthesized, 2: SynthesisDropped, 3: SentenceSynthesized}


async def test_an_interruption_that_another_worker_consumed_is_heard_live(
    exchange: Exchange,
) -> None:
    first, second = Held(), Held()
    async with exchange.worker({"held": first}), exchange.worker({"held": second}):
        for number in range(1, 9):
            await exchange.write(sentence(reply=number, provider="held"))
        await exchange.heard(8)
        assert len(first.asked) + len(second.asked) == 8
        await exchange.interrupt(reply=8)
        outcomes = await exchange.outcomes(8)
    assert all(isinstance(o, SynthesisDropped) for o in outcomes)


async def test_a_fixed_phrase_is_synthesised_once(exchange: Exchange) -> None:
    held = Held()
    held.let_go.set()
    async with exchange.worker({"held": held}) as counts:
        await exchange.write(sentence(reply=1, provider="held", fixed=True))
        await exchange.outcomes(1)
        await exchange.write(sentence(reply=2, provider="held", fixed=True))
        first, second = await exchange.outcomes(2)
    assert held.asked == ["Good morning."]
    assert [getattr(o, "cached", None) for o in (first, second)] == [False, True]
    assert (counts.synthesized, counts.cached) == (2, 1)
    sounds = [b"".join(c.mulaw for c in exchange.chunks if c.reply == r) for r in (1, 2)]
    assert sounds[0] == sounds[1]


async def test_a_sentence_that_cannot_be_spoken_is_recorded_and_the_next_one_is_spoken(
    exchange: Exchange,
) -> None:
    providers: dict[str, TextToSpeech] = {
        "failing": Failing(99, retryable=False),
        "tone": Tone(),
    }
    async with exchange.worker(providers):
        await exchange.write(sentence(provider="failing"))
        (failed,) = await exchange.outcomes(1)
        await exchange.write(sentence(number=2))
        _, spoken = await exchange.outcomes(2)
    assert isinstance(failed, SynthesisFailed)
    assert (failed.kind, failed.provider) == ("unavailable", "failing")
    assert isinstance(spoken, SentenceSynthesized)
    assert exchange.chunks[0].last, "who waits for the sentence is told that nothing more comes"


async def test_a_passing_failure_is_not_noticed(exchange: Exchange) -> None:
    failing = Failing(1)
    async with exchange.worker({"failing": failing}):
        await exchange.write(sentence(provider="failing"))
        (spoken,) = await exchange.outcomes(1)
    assert isinstance(spoken, SentenceSynthesized)
    assert failing.asked == 2


async def test_a_sentence_half_heard_is_not_said_again(exchange: Exchange) -> None:
    failing = Failing(1, after_audio=True)
    async with exchange.worker({"failing": failing}):
        await exchange.write(sentence(provider="failing"))
        (failed,) = await exchange.outcomes(1)
    assert isinstance(failed, SynthesisFailed)
    assert failing.asked == 1
    assert [c.last for c in exchange.chunks][-1]


async def test_a_voice_of_an_unknown_provider_fails_by_name(exchange: Exchange) -> None:
    async with exchange.worker({"tone": Tone()}):
        await exchange.write(sentence(provider="nobody"))
        (failed,) = await exchange.outcomes(1)
    assert isinstance(failed, SynthesisFailed)
    assert (failed.kind, failed.provider) == ("unknown_provider", "nobody")


async def test_a_sentence_without_words_is_a_moment_of_silence(exchange: Exchange) -> None:
    failing = Failing(0)
    async with exchange.worker({"failing": failing}):
        await exchange.write(sentence(" ... ", provider="failing"))
        (spoken,) = await exchange.outcomes(1)
    assert isinstance(spoken, SentenceSynthesized)
    assert [(c.last, len(c.mulaw)) for c in exchange.chunks] == [(True, FRAME_BYTES)]
    assert failing.asked == 0


async def test_a_sentence_from_before_an_outage_is_not_spoken(exchange: Exchange) -> None:
    async with exchange.worker({"tone": Tone()}):
        await exchange.write(sentence(at_ms=now_ms() - 31_000))
        (dropped,) = await exchange.outcomes(1)
    assert isinstance(dropped, SynthesisDropped)
    assert [(c.last, len(c.mulaw)) for c in exchange.chunks] == [(True, FRAME_BYTES)]


async def test_a_message_no_contract_covers_is_counted_and_never_comes_again(
    exchange: Exchange,
) -> None:
    async with exchange.worker({"tone": Tone()}) as counts:
        await exchange.write_bytes(b'{"by":"x","events":[{"type":"dialog.sentence_written/9"}]}')
        await exchange.write(sentence())
        await exchange.outcomes(1)
        await exchange.settled()
    assert counts.unreadable == 1


async def test_what_is_no_sentence_is_acknowledged(exchange: Exchange) -> None:
    async with exchange.worker({"tone": Tone()}):
        await exchange.write(PhaseEntered(at_ms=now_ms(), phase="active"))
        await exchange.settled()
    assert exchange.chunks == []


async def test_calls_do_not_wait_for_each_other(exchange: Exchange) -> None:
    held, other = Held(), new_call_id()
    heard = asyncio.Event()

    def hear(payload: bytes) -> None:
        if unpack_agent(payload).last:
            heard.set()

    await exchange.bus.sub(audio_subject(TENANT, other, "agent"), hear)
    async with exchange.worker({"held": held, "tone": Tone()}):
        await exchange.write(sentence(provider="held"))
        await exchange.heard(1)
        message = Message(by="dialog-test", events=(sentence(),), epoch=1)
        await exchange.journal.append(TENANT, other, "dialog", message, id="other")
        await asyncio.wait_for(heard.wait(), 5)
        held.let_go.set()
        await exchange.outcomes(1)


async def test_a_worker_that_stops_hands_its_sentence_to_the_next(exchange: Exchange) -> None:
    held = Held()
    async with exchange.worker({"held": held}, Settings(grace_s=0)):
        await exchange.write(sentence(provider="held"))
        await exchange.heard(1)
    assert held.stopped == 1
    async with exchange.worker({"held": held}):
        held.let_go.set()
        (spoken,) = await exchange.outcomes(1)
        await exchange.settled()
    assert isinstance(spoken, SentenceSynthesized)
    assert len(held.asked) == 2


async def test_a_sentence_that_takes_long_is_not_given_to_another_worker(
    exchange: Exchange,
) -> None:
    held, settings = Held(), Settings(redeliver_s=1.0)
    async with exchange.worker({"held": held}, settings), exchange.worker({"held": held}, settings):
        await exchange.write(sentence(provider="held"))
        began_s = asyncio.get_running_loop().time()

        async def three_times_over() -> bool:
            return asyncio.get_running_loop().time() - began_s > 3.2

        await eventually_async(three_times_over)
        held.let_go.set()
        await exchange.outcomes(1)
        await exchange.settled()
    assert held.asked == ["Good morning."]
