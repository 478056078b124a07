"""ElevenLabs' requests through its own SDK, against a server that speaks its protocol."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from vendors.elevenlabs import VOICE, ElevenLabsServer, Reading, error
from vendors.serving import Refusal

from contracts.dialog import Voice
from services.tts.provider import SynthesisError
from services.tts.providers.elevenlabs_http import ElevenLabsHttp

WORDS = "Your number is four five six."
SPEAKER = Voice(provider="elevenlabs_http", name=VOICE)


@asynccontextmanager
async def voice(
    server: ElevenLabsServer, key: str = "", wait_ms: int = 5_000
) -> AsyncIterator[ElevenLabsHttp]:
    elevenlabs = ElevenLabsHttp(key or server.key, server.url, wait_ms=wait_ms)
    try:
        yield elevenlabs
    finally:
        await elevenlabs.close()


async def spoken(server: ElevenLabsServer, by: Voice = SPEAKER, wait_ms: int = 5_000) -> bytes:
    async with (
        voice(server, wait_ms=wait_ms) as elevenlabs,
        asyncio.timeout(5),
        aclosing(elevenlabs.speak(WORDS, by)) as audio,
    ):
        return b"".join([piece async for piece in audio])


async def failure(server: ElevenLabsServer, wait_ms: int = 5_000) -> SynthesisError:
    with pytest.raises(SynthesisError) as failed:
        await spoken(server, wait_ms=wait_ms)
    return failed.value


async def test_a_sentence_comes_back_whole_as_telephone_audio(
    elevenlabs_server: ElevenLabsServer,
) -> None:
    tone = bytes(range(256)) * 13 + b"an odd tail"

    async def script(reading: Reading) -> None:
        await reading.audio(tone[:1000])
        await reading.audio(tone[1000:])

    elevenlabs_server.script = script
    assert await spoken(elevenlabs_server) == tone
    (reading,) = elevenlabs_server.answers
    assert dict(reading.query) == {"output_format": "ulaw_8000"}
    assert (reading.body["text"], reading.body["model_id"]) == (WORDS, "eleven_flash_v2_5")
    assert reading.body.get("voice_settings") is None


async def test_the_first_frame_is_heard_before_the_sentence_is_done(
    elevenlabs_server: ElevenLabsServer,
) -> None:
    first_frame_came = asyncio.Event()

    async def script(reading: Reading) -> None:
        await reading.audio(b"\x11" * 160)
        await first_frame_came.wait()
        await reading.audio(b"\x22" * 160)

    elevenlabs_server.script = script
    async with (
        voice(elevenlabs_server) as elevenlabs,
        asyncio.timeout(5),
        aclosing(elevenlabs.speak(WORDS, SPEAKER)) as audio,
    ):
        assert await anext(audio) == b"\x11" * 160
        first_frame_came.set()
        assert await anext(audio) == b"\x22" * 160


async def test_the_voice_may_choose_its_model_and_speed(
    elevenlabs_server: ElevenLabsServer,
) -> None:
    quick = Voice(provider="elevenlabs_http", name=VOICE, model="eleven_turbo_v2_5", speed_wpm=180)
    await spoken(elevenlabs_server, quick)
    body = elevenlabs_server.answers[0].body
    assert body["model_id"] == "eleven_turbo_v2_5"
    assert body["voice_settings"] == {"speed": 1.09}


@pytest.mark.parametrize(("speed_wpm", "speed"), [(10, 0.7), (900, 1.2)])
async def test_a_speed_the_vendor_does_not_know_becomes_the_nearest_it_knows(
    elevenlabs_server: ElevenLabsServer, speed_wpm: int, speed: float
) -> None:
    await spoken(elevenlabs_server, Voice(name=VOICE, speed_wpm=speed_wpm))
    assert elevenlabs_server.answers[0].body["voice_settings"] == {"speed": speed}


async def endless(reading: Reading) -> None:
    await reading.audio(b"\x11" * 320)
    await reading.gone()


async def test_an_interrupted_sentence_is_no_longer_synthesised(
    elevenlabs_server: ElevenLabsServer,
) -> None:
    elevenlabs_server.script = endless
    async with voice(elevenlabs_server) as elevenlabs:
        audio = elevenlabs.speak(WORDS, SPEAKER)
        await anext(audio)
        await audio.aclose()
        await elevenlabs_server.answers[0].gone()


async def test_a_sentence_nobody_begins_to_hear_is_never_asked_for(
    elevenlabs_server: ElevenLabsServer,
) -> None:
    async with voice(elevenlabs_server) as elevenlabs:
        await elevenlabs.speak(WORDS, SPEAKER).aclose()
    assert elevenlabs_server.requests == 0


QUOTA = error(401, "quota_exceeded")
BUSY = error(429, "too_many_concurrent_requests", **{"Retry-After": "30"})


@pytest.mark.parametrize(
    ("refusal", "kind", "retryable"),
    [
        (error(400, "max_character_limit_exceeded"), "refused", False),
        (error(401, "invalid_api_key"), "unauthorized", False),
        (QUOTA, "quota", False),
        (error(403, "missing_permissions"), "unauthorized", False),
        (error(404, "voice_not_found"), "refused", False),
        (Refusal(422, {"detail": [{"msg": WORDS}]}), "refused", False),
        (BUSY, "rate_limited", True),
        (error(500, "internal"), "unavailable", True),
        (Refusal(502, b"<html>bad gateway</html>"), "unavailable", True),
        (error(503, "system_busy"), "unavailable", True),
        (Refusal(200, {"detail": WORDS}), "garbled", True),
        (Refusal(200, b"", {"Content-Type": "audio/basic"}), "garbled", True),
    ],
)
async def test_a_refusal_says_what_it_is_and_nothing_is_tried_twice_in_secret(
    elevenlabs_server: ElevenLabsServer, refusal: Refusal, kind: str, retryable: bool
) -> None:
    elevenlabs_server.refusal = refusal
    _expect(await failure(elevenlabs_server), kind, retryable, elevenlabs_server.key)
    assert elevenlabs_server.requests == 1


async def cut(reading: Reading) -> None:
    await reading.audio(b"\x11" * 320)
    reading.break_off()


async def cut_before_audio(reading: Reading) -> None:
    reading.break_off()


@pytest.mark.parametrize("script", [cut, cut_before_audio])
async def test_a_sentence_cut_short_is_a_failure_not_a_short_sentence(
    elevenlabs_server: ElevenLabsServer, script: Callable[[Reading], Awaitable[None]]
) -> None:
    elevenlabs_server.script = script
    _expect(await failure(elevenlabs_server), "disconnected", True, elevenlabs_server.key)


async def test_a_voice_that_falls_silent_is_given_up(elevenlabs_server: ElevenLabsServer) -> None:
    elevenlabs_server.script = endless
    _expect(await failure(elevenlabs_server, wait_ms=500), "timeout", True, elevenlabs_server.key)
    await elevenlabs_server.answers[0].gone()


async def test_a_wrong_key_is_not_worth_a_second_try(elevenlabs_server: ElevenLabsServer) -> None:
    async with voice(elevenlabs_server, key="sk-wrong") as elevenlabs:
        with pytest.raises(SynthesisError) as failed:
            await anext(elevenlabs.speak(WORDS, SPEAKER))
    _expect(failed.value, "unauthorized", False, "sk-wrong")
    elevenlabs_server.violations.clear()


async def test_nobody_at_the_address_may_be_better_later() -> None:
    elevenlabs = ElevenLabsHttp("sk-any", "http://127.0.0.1:9")
    with pytest.raises(SynthesisError) as failed:
        await anext(elevenlabs.speak(WORDS, SPEAKER))
    await elevenlabs.close()
    _expect(failed.value, "unreachable", True, "sk-any")


async def test_a_redirect_does_not_carry_the_key_elsewhere(
    elevenlabs_server: ElevenLabsServer,
) -> None:
    elevenlabs_server.refusal = Refusal(307, {}, {"Location": elevenlabs_server.url})
    _expect(await failure(elevenlabs_server), "refused", False, elevenlabs_server.key)
    assert elevenlabs_server.requests == 1


async def test_the_log_keeps_neither_words_nor_key_even_at_debug(
    elevenlabs_server: ElevenLabsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await spoken(elevenlabs_server)
    assert WORDS not in caplog.text
    assert elevenlabs_server.key not in caplog.text


def _expect(failed: SynthesisError, kind: str, retryable: bool, key: str) -> None:
    assert (failed.provider, failed.kind, failed.retryable) == ("elevenlabs_http", kind, retryable)
    assert failed.__suppress_context__ or failed.__context__ is None
    assert WORDS not in str(failed)
    assert key not in str(failed)
