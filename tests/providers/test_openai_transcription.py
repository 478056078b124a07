"""OpenAI's transcription, and servers like it, through OpenAI's SDK, over a real socket."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from recorded import WORDS, listening, say, words
from vendors.openai_audio import OpenAIAudio, error, openai_audio, with_logprobs
from vendors.serving import Refusal
from vendors.transcribing import Recording

from contracts.agent import Agent, Provider
from services.stt.provider import RecognitionFailed
from services.stt.providers.openai import OpenAITranscription


@pytest.fixture
async def vendor() -> AsyncIterator[OpenAIAudio]:
    async with openai_audio() as server:
        yield server


def at(vendor: OpenAIAudio) -> OpenAITranscription:
    return OpenAITranscription(vendor.key, f"{vendor.url}/v1")


def agent(model: str = "", **options: Any) -> Agent:
    return Agent(name="c", stt=Provider(provider="openai", model=model, options=options))


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("", {"model": ["gpt-transcribe"], "response_format": ["json"]}),
        ("gpt-4o-transcribe-diarize", {"response_format": ["json"]}),
        ("gpt-4o-mini-transcribe", {"response_format": ["json"], "include": ["logprobs"]}),
        ("whisper-1", {"response_format": ["verbose_json"]}),
    ],
)
async def test_each_model_is_asked_for_the_format_that_says_most(
    vendor: OpenAIAudio, model: str, asked: dict[str, list[str]]
) -> None:
    async with listening(at(vendor), agent(model)) as ear:
        say(ear)
        await words(ear)
    (recording,) = vendor.answers
    assert recording.fields == {"model": [model], "language": ["en"]} | asked
    assert recording.rate_hz == 16_000


async def test_the_probability_of_the_tokens_is_how_sure_it_is(vendor: OpenAIAudio) -> None:
    async def script(recording: Recording) -> None:
        await with_logprobs(recording, "Yes please", [-0.1, -0.3])

    vendor.script = script
    async with listening(at(vendor), agent("gpt-4o-transcribe")) as ear:
        say(ear)
        (heard,) = await words(ear)
    assert (heard.text, heard.language) == ("Yes please", "en-US")
    assert heard.confidence == pytest.approx(0.8187, abs=1e-3)


async def test_whispers_figures_are_heeded_where_the_model_is_whisper(vendor: OpenAIAudio) -> None:
    async def script(recording: Recording) -> None:
        await recording.words("Thanks for watching!", no_speech_prob=0.9)

    vendor.script = script
    async with listening(at(vendor), agent("whisper-1")) as ear:
        say(ear)
        assert [heard.text for heard in await words(ear)] == [""]


async def test_a_server_with_one_format_only_is_asked_for_that(vendor: OpenAIAudio) -> None:
    async def script(recording: Recording) -> None:
        await recording.words("Yes")

    vendor.script = script
    async with listening(at(vendor), agent("whisper-1", response_format="json")) as ear:
        say(ear)
        (heard,) = await words(ear)
    assert (heard.text, heard.confidence) == ("Yes", 1.0)
    assert vendor.answers[0].fields["response_format"] == ["json"]


@pytest.mark.parametrize(
    ("refusal", "kind", "retryable", "after_s"),
    [
        (error(429, "insufficient_quota"), "quota", False, None),
        (error(429, "rate_limit_exceeded", **{"retry-after": "20"}), "rate_limited", True, 20.0),
        (error(404, "model_not_found"), "refused", False, None),
    ],
)
async def test_the_vendors_own_refusals(
    vendor: OpenAIAudio, refusal: Refusal, kind: str, retryable: bool, after_s: float | None
) -> None:
    vendor.refusal = refusal
    async with listening(at(vendor)) as ear:
        say(ear)
        with pytest.raises(RecognitionFailed) as failed:
            await words(ear)
    found = (failed.value.kind, failed.value.retryable, failed.value.retry_after_s)
    assert found == (kind, retryable, after_s)
    assert vendor.requests == 1


async def test_the_log_keeps_neither_words_nor_key_even_at_debug(
    vendor: OpenAIAudio, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def script(recording: Recording) -> None:
        await recording.words(WORDS)

    vendor.script = script
    async with listening(at(vendor)) as ear:
        say(ear)
        assert [heard.text for heard in await words(ear)] == [WORDS]
    assert WORDS not in caplog.text
    assert vendor.key not in caplog.text
