"""Groq's Whisper through its own SDK, against a server that speaks its protocol."""

import logging
from collections.abc import AsyncIterator

import pytest
from recorded import AGENT, LOUD, WORDS, listening, samples, say, until, words
from vendors.groq import error
from vendors.groq_audio import GroqTranscription, groq_transcription
from vendors.serving import Refusal
from vendors.transcribing import Recording, segment

from contracts.agent import Agent, Provider
from services.audio.frames import SILENT_FRAME
from services.stt.provider import RecognitionFailed
from services.stt.providers.groq_whisper import GroqWhisper


@pytest.fixture
async def vendor() -> AsyncIterator[GroqTranscription]:
    async with groq_transcription() as server:
        yield server


async def test_a_turn_travels_as_a_wav_of_16_khz_with_the_language_of_the_call(
    vendor: GroqTranscription,
) -> None:
    async def script(recording: Recording) -> None:
        await recording.words("Ja bitte", avg_logprob=-0.2)

    vendor.script = script
    async with listening(GroqWhisper(vendor.key, vendor.url), language="de-DE") as ear:
        say(ear, frames=15)
        (heard,) = await words(ear)
    assert (heard.text, heard.final, heard.language) == ("Ja bitte", True, "de-DE")
    assert heard.confidence == pytest.approx(0.8187, abs=1e-3)
    (recording,) = vendor.answers
    assert recording.body == {
        "model": "whisper-large-v3-turbo",
        "language": "de",
        "response_format": "verbose_json",
    }
    assert (recording.rate_hz, recording.seconds) == (16_000, 17 * 0.02)
    assert abs(samples(recording.pcm)).max() > 10_000


async def test_the_agents_model_and_options_go_into_the_form(vendor: GroqTranscription) -> None:
    options = {"prompt": "Ostermann", "temperature": 0.2}
    stt = Provider(provider="groq-whisper", model="whisper-large-v3", options=options)
    async with listening(GroqWhisper(vendor.key, vendor.url), Agent(name="clinic", stt=stt)) as ear:
        say(ear)
        await words(ear)
    fields = vendor.answers[0].body
    assert (fields["model"], fields["prompt"], fields["temperature"]) == (
        "whisper-large-v3",
        "Ostermann",
        "0.2",
    )


async def test_silence_is_never_sent(vendor: GroqTranscription) -> None:
    async with listening(GroqWhisper(vendor.key, vendor.url)) as ear:
        for _ in range(100):
            ear.feed(SILENT_FRAME)
        ear.finish()
        assert [heard.text for heard in await words(ear)] == [""]
    assert vendor.requests == 0


async def test_what_whisper_makes_up_from_noise_is_nothing_said(vendor: GroqTranscription) -> None:
    async def script(recording: Recording) -> None:
        await recording.words("Thank you.", avg_logprob=-0.2, no_speech_prob=0.9)

    vendor.script = script
    async with listening(GroqWhisper(vendor.key, vendor.url)) as ear:
        say(ear)
        assert [heard.text for heard in await words(ear)] == [""]


async def test_a_turn_of_several_segments_is_one_text(vendor: GroqTranscription) -> None:
    async def script(recording: Recording) -> None:
        await recording.verbose("One. Two.", [segment("One."), segment("Two.")])

    vendor.script = script
    async with listening(GroqWhisper(vendor.key, vendor.url)) as ear:
        say(ear)
        assert [heard.text for heard in await words(ear)] == ["One. Two."]


async def test_an_answer_without_figures_is_believed(vendor: GroqTranscription) -> None:
    stt = Provider(provider="groq-whisper", options={"response_format": "json"})

    async def script(recording: Recording) -> None:
        await recording.words("Yes")

    vendor.script = script
    async with listening(GroqWhisper(vendor.key, vendor.url), Agent(name="clinic", stt=stt)) as ear:
        say(ear)
        (heard,) = await words(ear)
    assert (heard.text, heard.confidence) == ("Yes", 1.0)


async def test_turns_share_a_connection_and_a_closed_ear_stops_its_request(
    vendor: GroqTranscription,
) -> None:
    async def script(recording: Recording) -> None:
        if len(vendor.answers) == 2:
            await recording.never()
        await recording.words("Yes")

    vendor.script = script
    ears = GroqWhisper(vendor.key, vendor.url)
    ear = await ears.open(AGENT, "en-US")
    say(ear)
    await words(ear)
    say(ear)
    await until(lambda: len(vendor.answers) == 2)
    await ear.close()
    first, second = vendor.answers
    await second.gone()
    assert first.peer == second.peer
    await ears.close()


@pytest.mark.parametrize(
    ("refusal", "kind", "after_s"),
    [
        (error(400, "blocked_api_access"), "quota", None),
        (error(413, "request_too_large"), "refused", None),
        (error(429, "rate_limit_exceeded", **{"retry-after": "2.5"}), "rate_limited", 2.5),
        (error(498, "flex_tier_capacity_exceeded"), "rate_limited", None),
    ],
)
async def test_the_vendors_own_refusals(
    vendor: GroqTranscription, refusal: Refusal, kind: str, after_s: float | None
) -> None:
    vendor.refusal = refusal
    async with listening(GroqWhisper(vendor.key, vendor.url)) as ear:
        say(ear)
        with pytest.raises(RecognitionFailed) as failed:
            await words(ear)
    assert (failed.value.kind, failed.value.retry_after_s) == (kind, after_s)
    assert vendor.requests == 1


async def test_the_log_keeps_neither_words_nor_key_even_at_debug(
    vendor: GroqTranscription, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def script(recording: Recording) -> None:
        await recording.words(WORDS)

    vendor.script = script
    ears = GroqWhisper(vendor.key, vendor.url)
    assert vendor.key not in repr(ears) + repr(vars(ears))
    async with listening(ears) as ear:
        ear.feed(LOUD)
        say(ear)
        assert [heard.text for heard in await words(ear)] == [WORDS]
    assert WORDS not in caplog.text
    assert vendor.key not in caplog.text
