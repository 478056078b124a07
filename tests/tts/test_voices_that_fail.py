"""A voice fails in the middle of a call, and the next one goes on."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from exchange import Exchange, now_ms
from vendors.elevenlabs import VOICE, ElevenLabsServer, Reading, elevenlabs_server, error
from vendors.serving import Refusal
from voices import Failing

from contracts.dialog import FallbackVoice, SentenceWritten, Voice
from contracts.synthesis import SentenceSynthesized, SynthesisFailed, VoiceSwitched
from services.tts.provider import TextToSpeech
from services.tts.providers.elevenlabs_http import ElevenLabsHttp
from services.tts.providers.tone import MS_PER_CHARACTER, Tone

pytestmark = [pytest.mark.stack, pytest.mark.timeout(40)]

TEXT = "Your appointment is on Tuesday at ten."
FRAME = b"\x55" * 160
OTHERS = (FallbackVoice(provider="tone"),)


def written(
    number: int = 1,
    *,
    reply: int = 1,
    fixed: bool = False,
    others: tuple[FallbackVoice, ...] = OTHERS,
    first_ms: int = 5_000,
    stall_ms: int = 5_000,
) -> SentenceWritten:
    waits = {"first_ms": first_ms, "stall_ms": stall_ms}
    voice = Voice(provider="elevenlabs", name=VOICE, fallbacks=others, **waits)
    return SentenceWritten(
        at_ms=now_ms(), reply=reply, sentence=number, text=TEXT, voice=voice, fixed=fixed
    )


@asynccontextmanager
async def vendor() -> AsyncIterator[tuple[ElevenLabsServer, Mapping[str, TextToSpeech]]]:
    async with elevenlabs_server() as server:
        adapter = ElevenLabsHttp(server.key, server.url)
        try:
            yield server, {"elevenlabs": adapter, "tone": Tone()}
        finally:
            await adapter.close()


async def told(exchange: Exchange, sentences: int = 1) -> list[VoiceSwitched]:
    """The switches, once so many sentences were spoken by the other voice."""
    events = await exchange.outcomes(2 * sentences)
    spoken = [event for event in events if isinstance(event, SentenceSynthesized)]
    assert [event.provider for event in spoken] == ["tone"] * sentences
    return [event for event in events if isinstance(event, VoiceSwitched)]


FAULTS = {
    "a key that is rejected": (error(401, "invalid_api_key"), "unauthorized"),
    "a quota that is used up": (error(401, "quota_exceeded"), "quota"),
    "a server that is down": (Refusal(503, b""), "unavailable"),
}


@pytest.mark.parametrize(("refusal", "kind"), FAULTS.values(), ids=FAULTS)
async def test_a_sentence_of_which_nothing_was_heard_is_spoken_by_the_next_voice(
    exchange: Exchange, refusal: Refusal, kind: str
) -> None:
    async with vendor() as (server, providers), exchange.worker(providers):
        server.refusal = refusal
        await exchange.write(written())
        (switch,) = await told(exchange)
        assert server.requests == 1  # nobody waits for a second try while another can speak
    assert (switch.from_provider, switch.to_provider) == ("elevenlabs", "tone")
    assert (switch.kind, switch.stage, switch.audio_ms) == (kind, "first", 0)
    assert len(exchange.played()) / 8 == len(TEXT) * MS_PER_CHARACTER


async def test_a_voice_without_a_sound_in_time_gives_way(exchange: Exchange) -> None:
    async def is_silent(reading: Reading) -> None:
        await reading.gone()

    async with vendor() as (server, providers), exchange.worker(providers):
        server.script = is_silent
        await exchange.write(written(first_ms=200))
        (switch,) = await told(exchange)
    assert (switch.kind, switch.stage) == ("timeout", "first")
    assert switch.wait_ms >= 200


@pytest.mark.parametrize("ends", ["stalls", "breaks off"])
async def test_of_a_sentence_half_heard_the_next_voice_says_the_rest(
    exchange: Exchange, ends: str
) -> None:
    async def says_a_second(reading: Reading) -> None:
        for _ in range(50):
            await reading.audio(FRAME)
        if ends == "stalls":
            await reading.gone()
        else:
            reading.break_off()

    async with vendor() as (server, providers), exchange.worker(providers):
        server.script = says_a_second
        await exchange.write(written(stall_ms=1_000))
        (switch,) = await told(exchange)
    assert switch.stage == "amid"
    rest = "appointment is on Tuesday at ten."  # 1000 ms at 60 ms a character end in its midst
    said_ms = switch.audio_ms
    assert 980 <= said_ms <= 1_000
    assert len(exchange.played()) / 8 == said_ms + len(rest) * MS_PER_CHARACTER
    assert [chunk.last for chunk in exchange.chunks].count(True) == 1


async def test_a_call_keeps_the_voice_that_it_changed_to(exchange: Exchange) -> None:
    async with vendor() as (server, providers), exchange.worker(providers):
        server.refusal = Refusal(503, b"")
        await exchange.write(written(1))
        await told(exchange)
        await exchange.write(written(2))
        events = await exchange.outcomes(3)
    assert server.requests == 1
    assert [event.provider for event in events if isinstance(event, SentenceSynthesized)] == [
        "tone",
        "tone",
    ]


async def test_a_fixed_phrase_of_another_voice_is_kept_as_that_voices(exchange: Exchange) -> None:
    async with vendor() as (server, providers), exchange.worker(providers) as counts:
        server.refusal = Refusal(503, b"")
        await exchange.write(written(1, fixed=True))
        await told(exchange)
        await exchange.write(written(2, fixed=True))
        await exchange.outcomes(3)
    assert (counts.synthesized, counts.cached) == (2, 1)


async def test_a_sentence_fails_only_when_no_voice_is_left_and_the_last_is_tried_twice(
    exchange: Exchange,
) -> None:
    last = Failing(99)
    others = (FallbackVoice(provider="absent"), FallbackVoice(provider="failing"))
    async with vendor() as (server, providers):
        server.refusal = Refusal(503, b"")
        async with exchange.worker({**providers, "failing": last}):
            await exchange.write(written(others=others))
            events = await exchange.outcomes(3)
    switches = [event for event in events if isinstance(event, VoiceSwitched)]
    assert [each.kind for each in switches] == ["unavailable", "unknown_provider"]
    failed = events[-1]
    assert isinstance(failed, SynthesisFailed)
    assert (failed.provider, failed.kind, last.asked) == ("failing", "unavailable", 2)
