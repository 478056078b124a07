"""What goes wrong at a vendor of voices, for every adapter alike: a table of cases and adapters."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, NamedTuple, TypeAlias

import pytest
from vendors import coqui, groq, groq_speech, openai_speech, sarvam_voice
from vendors.serving import Refusal
from vendors.strict import Exchange

from contracts.dialog import Voice
from services.tts.provider import SynthesisError, TextToSpeech
from services.tts.providers.coqui import Coqui
from services.tts.providers.groq import Groq
from services.tts.providers.openai import OpenAI
from services.tts.providers.sarvam import Sarvam

WORDS = "Your number is four five six."
NOBODY = "127.0.0.1:9"
SOUND = b"\x10\x20" * 4_000


Script: TypeAlias = Callable[[Any], Awaitable[None]]
Answer: TypeAlias = Refusal | Script


class Adapter(NamedTuple):
    """A voice, its vendor on loopback, and what that may do wrong."""

    vendor: Callable[[], AbstractAsyncContextManager[Any]]
    make: Callable[[str, str, int], TextToSpeech]  # of key, address, longest wait in milliseconds
    used_up: Refusal  # how the vendor says that what was paid for is used up
    half: Script  # sound, then the connection breaks
    stalled: Script  # sound, then nothing
    garbage: Answer = Refusal(200, b"hm", {"Content-Type": "text/html"})
    silent: Answer = Refusal(200, b"", {"Content-Type": "audio/wav"})
    has_key: bool = True
    voice: Voice = Voice()


async def half(speech: Exchange) -> None:
    await speech.raw(SOUND)
    speech.break_off()


async def stalled(speech: Exchange) -> None:
    await speech.raw(SOUND)
    await speech.gone()


async def half_a_file(speech: Exchange) -> None:
    await speech.raw(coqui.wav_header(coqui.RATE_HZ, 2 * len(SOUND)))
    await half(speech)


async def half_a_file_and_stalled(speech: Exchange) -> None:
    await speech.raw(coqui.wav_header(coqui.RATE_HZ, 2 * len(SOUND)))
    await stalled(speech)


async def half_a_conversation(talk: sarvam_voice.Conversation) -> None:
    await talk.audio(SOUND)
    talk.break_off()


async def a_conversation_that_stalls(talk: sarvam_voice.Conversation) -> None:
    await talk.audio(SOUND)
    await talk.gone()


async def half_a_message(talk: sarvam_voice.Conversation) -> None:
    await talk.say_raw('{"type": "audio", "data": {"audio": "')


ADAPTERS = {
    "groq": Adapter(
        groq_speech.groq_speech_server,
        lambda key, url, wait_ms: Groq(key, url, wait_ms=wait_ms),
        groq.error(400, "blocked_api_access"),
        half,
        stalled,
    ),
    "openai": Adapter(
        openai_speech.openai_speech_server,
        lambda key, url, wait_ms: OpenAI(key, f"{url}/v1", wait_ms=wait_ms),
        openai_speech.error(429, "insufficient_quota", **{"Retry-After": "1"}),
        half,
        stalled,
    ),
    "sarvam": Adapter(
        sarvam_voice.sarvam_voice_server,
        lambda key, url, wait_ms: Sarvam(key, url, wait_ms=wait_ms),
        sarvam_voice.error(429, "insufficient_quota_error"),
        half_a_conversation,
        a_conversation_that_stalls,
        garbage=half_a_message,
        silent=sarvam_voice.Conversation.final,
    ),
    "coqui": Adapter(
        coqui.coqui_server,
        lambda key, url, wait_ms: Coqui(url, wait_ms=wait_ms),
        Refusal(402, b""),  # of a proxy before it
        half_a_file,
        half_a_file_and_stalled,
        has_key=False,
    ),
}
every_adapter = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
with_a_key = {name: adapter for name, adapter in ADAPTERS.items() if adapter.has_key}


async def failure(adapter: Adapter, url: str, key: str, wait_ms: int = 5_000) -> SynthesisError:
    """How the sentence failed; that the error tells nothing of words and key is checked here."""
    spoken = adapter.make(key, url, wait_ms)
    try:
        async with asyncio.timeout(5), aclosing(spoken.speak(WORDS, adapter.voice)) as sound:
            with pytest.raises(SynthesisError) as failed:
                await _to_the_end(sound)
    finally:
        await spoken.close()
    told = failed.value
    assert told.provider == spoken.name
    assert told.__suppress_context__ or told.__context__ is None
    assert WORDS not in str(told)
    assert key not in str(told) + repr(spoken)
    return told


async def _to_the_end(sound: Any) -> None:
    async for _ in sound:
        pass


async def refused(adapter: Adapter, refusal: Refusal) -> SynthesisError:
    """And that nothing is tried twice in secret."""
    async with adapter.vendor() as vendor:
        vendor.refusal = refusal
        failed = await failure(adapter, vendor.url, vendor.key)
        assert vendor.requests == 1
    return failed


async def broken(adapter: Adapter, script: Script, wait_ms: int) -> str:
    async with adapter.vendor() as vendor:
        vendor.script = script
        failed = await failure(adapter, vendor.url, vendor.key, wait_ms)
    assert failed.retryable
    return failed.kind


async def answered(adapter: Adapter, answer: Answer) -> str:
    if not isinstance(answer, Refusal):
        return await broken(adapter, answer, wait_ms=5_000)
    failed = await refused(adapter, answer)
    assert failed.retryable
    return failed.kind


@pytest.mark.parametrize("adapter", with_a_key.values(), ids=with_a_key)
async def test_a_key_that_is_rejected_is_not_worth_a_second_try(adapter: Adapter) -> None:
    async with adapter.vendor() as vendor:
        failed = await failure(adapter, vendor.url, "sk-wrong")
        vendor.violations.clear()
    assert (failed.kind, failed.retryable) == ("unauthorized", False)


@every_adapter
async def test_a_quota_used_up_is_not_worth_a_second_try(adapter: Adapter) -> None:
    failed = await refused(adapter, adapter.used_up)
    assert (failed.kind, failed.retryable, failed.retry_after_s) == ("quota", False, None)


@every_adapter
async def test_too_many_requests_say_when_to_come_back(adapter: Adapter) -> None:
    failed = await refused(adapter, Refusal(429, {"error": WORDS}, {"Retry-After": "7"}))
    assert (failed.kind, failed.retryable, failed.retry_after_s) == ("rate_limited", True, 7.0)


@every_adapter
@pytest.mark.parametrize("status", [500, 502, 503, 529])
async def test_a_vendor_in_trouble_may_be_better_later(adapter: Adapter, status: int) -> None:
    failed = await refused(adapter, Refusal(status, WORDS.encode()))
    assert (failed.kind, failed.retryable) == ("unavailable", True)


@every_adapter
@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_wrong_request_stays_wrong(adapter: Adapter, status: int) -> None:
    failed = await refused(adapter, Refusal(status, {"error": {"message": WORDS}}))
    assert (failed.kind, failed.retryable) == ("refused", False)


@every_adapter
async def test_a_redirect_does_not_carry_words_or_key_elsewhere(adapter: Adapter) -> None:
    for scheme in ("http", "ws"):
        elsewhere = Refusal(307, b"", {"Location": f"{scheme}://{NOBODY}"})
        failed = await refused(adapter, elsewhere)
        assert (failed.kind, failed.retryable) == ("refused", False)


@every_adapter
async def test_nobody_at_the_address_may_be_better_later(adapter: Adapter) -> None:
    failed = await failure(adapter, f"http://{NOBODY}", "sk-any")
    assert (failed.kind, failed.retryable) == ("unreachable", True)


@every_adapter
async def test_half_a_sentence_is_a_failure_not_a_short_sentence(adapter: Adapter) -> None:
    assert await broken(adapter, adapter.half, wait_ms=5_000) == "disconnected"


@every_adapter
async def test_a_voice_that_falls_silent_is_given_up(adapter: Adapter) -> None:
    assert await broken(adapter, adapter.stalled, wait_ms=100) == "timeout"


@every_adapter
async def test_what_is_no_sound_is_not_played(adapter: Adapter) -> None:
    assert await answered(adapter, adapter.garbage) == "garbled"


@every_adapter
async def test_an_answer_without_sound_is_not_a_sentence(adapter: Adapter) -> None:
    assert await answered(adapter, adapter.silent) == "garbled"
