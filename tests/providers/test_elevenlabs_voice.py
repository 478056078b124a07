"""What is ElevenLabs' own about its sockets."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
from vendors.elevenlabs import VOICE
from vendors.elevenlabs_socket import CONTEXTS, elevenlabs_socket_server
from vendors.serving import Refusal
from vendors.voice_sockets import Speaking
from voices_on_sockets import ADAPTERS, Line, pieces, spoken, times

from contracts.dialog import Voice
from services.tts.provider import SynthesisError
from services.tts.providers.elevenlabs import ElevenLabs

TEXT = "Good morning to you."


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with elevenlabs_socket_server() as vendor:
        voice = ElevenLabs(vendor.key, vendor.url, wait_ms=5_000)
        yield Line(ADAPTERS["elevenlabs"], vendor, voice)
        await voice.close()


def messages(line: Line) -> list[dict[str, Any]]:
    """What the vendor got of the first sentence, without its context."""
    (client, *_) = line.vendor.clients
    first = client.messages[0]["context_id"]
    mine = [each for each in client.messages if each["context_id"] == first]
    return [{key: said for key, said in each.items() if key != "context_id"} for each in mine]


async def test_a_sentence_is_a_context_that_is_closed_when_it_speaks(line: Line) -> None:
    await spoken(line, f" {TEXT}\n")
    assert messages(line) == [
        {"text": " "},
        {"text": f"{TEXT} ", "flush": True},
        {"close_context": True},
    ]
    (client,) = line.vendor.clients
    assert dict(client.query) == {
        "model_id": "eleven_flash_v2_5",
        "output_format": "ulaw_8000",
        "auto_mode": "true",
        "sync_alignment": "true",
        "inactivity_timeout": "180",
    }


async def test_times_of_letters_count_from_their_own_piece_of_sound(line: Line) -> None:
    async def script(speaking: Speaking) -> None:
        await speaking.audio(b"\x11" * 1_600, "Good morni")  # 20 ms a letter
        await speaking.audio(b"\x11" * 800, "ng to you.")  # 10 ms a letter

    line.vendor.script = script
    (told,) = await times(line, TEXT)
    assert told.ends_ms == (80, 220, 250, 290)


async def test_sound_without_times_is_sound_all_the_same(line: Line) -> None:
    async def script(speaking: Speaking) -> None:
        await speaking.audio(b"\x11" * 160, "Good morning")
        await speaking.audio(b"\x22" * 160)

    line.vendor.script = script
    assert await pieces(line, TEXT) == [b"\x11" * 160, b"\x22" * 160]


@pytest.mark.parametrize(("speed_wpm", "speed"), [(180, 1.09), (10, 0.7), (900, 1.2)])
async def test_the_voice_may_choose_its_model_and_speed(
    line: Line, speed_wpm: int, speed: float
) -> None:
    quick = Voice(name=VOICE, model="eleven_turbo_v2_5", speed_wpm=speed_wpm)
    await spoken(line, TEXT, quick)
    assert messages(line)[0] == {"text": " ", "voice_settings": {"speed": speed}}
    assert line.vendor.clients[0].query["model_id"] == "eleven_turbo_v2_5"


async def test_a_voice_that_has_a_language_says_so(line: Line) -> None:
    await spoken(line, TEXT, Voice(name=VOICE, language="hi-IN"))
    assert line.vendor.clients[0].query["language_code"] == "hi"


async def test_a_redirect_does_not_carry_the_key_elsewhere(line: Line) -> None:
    line.vendor.refusal = Refusal(307, {}, {"Location": line.vendor.url})
    with pytest.raises(SynthesisError, match="refused"):
        await spoken(line, TEXT)
    assert line.vendor.requests == 1


async def test_each_voice_has_a_connection_of_its_own(line: Line) -> None:
    await spoken(line, TEXT)
    await spoken(line, TEXT, Voice(name=VOICE, model="eleven_turbo_v2_5"))
    await spoken(line, TEXT)
    assert line.vendor.requests == 2


async def test_a_sentence_interrupted_before_it_speaks_is_not_spoken(line: Line) -> None:
    asked_for = asyncio.Event()

    async def script(speaking: Speaking) -> None:
        asked_for.set()
        await speaking.unwanted()

    line.vendor.script = script
    sound = line.synthesiser.speak(TEXT, line.adapter.voice)
    asking = asyncio.ensure_future(anext(sound))
    await asked_for.wait()
    asking.cancel()
    await asyncio.wait({asking})
    (asked,) = line.vendor.asked
    await asked.until(lambda: asked.given_up)
    assert messages(line)[-1] == {"close_context": True}


async def test_contexts_given_up_in_quick_succession_stay_within_the_vendors_limit(
    line: Line,
) -> None:
    """A caller who interrupts again and again; the vendor still speaks what it began."""
    going_on = asyncio.Event()

    async def script(speaking: Speaking) -> None:
        await speaking.audio(b"\x11" * 160)
        await going_on.wait()

    line.vendor.script = script
    for _ in range(2 * CONTEXTS):
        sound = line.synthesiser.speak(TEXT, line.adapter.voice)
        assert isinstance(sound, AsyncGenerator)
        await anext(sound)
        await sound.aclose()
    going_on.set()
    assert line.vendor.requests == 2


async def test_a_context_that_the_vendor_ends_without_a_sound_is_a_failure(line: Line) -> None:
    async def script(speaking: Speaking) -> None:
        await speaking.client.say({"isFinal": True, "contextId": speaking.id})

    line.vendor.script = script
    with pytest.raises(SynthesisError, match="garbled"):
        await spoken(line, TEXT)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("quota_exceeded", "quota"),
        ("max_active_conversations", "rate_limited"),
        ("system_busy", "unavailable"),
        ("input_timeout_exceeded", "disconnected"),
        ("invalid_message", "refused"),
    ],
)
async def test_what_the_vendor_says_before_it_hangs_up_is_understood(
    line: Line, error: str, kind: str
) -> None:
    async def script(speaking: Speaking) -> None:
        await speaking.client.say({"message": TEXT, "error": error, "code": 1008})
        await speaking.client.close(1008, TEXT)

    line.vendor.script = script
    with pytest.raises(SynthesisError) as failed:
        await spoken(line, TEXT)
    assert failed.value.kind == kind
    assert TEXT not in str(failed.value)


async def test_an_idle_connection_that_the_vendor_closes_is_replaced(line: Line) -> None:
    line.vendor.second_s = 0.0005  # 180 of them are 90 ms
    await spoken(line, TEXT)
    (client,) = line.vendor.clients
    await client.until(lambda: client.gone)
    line.vendor.second_s = 1.0
    await spoken(line, TEXT)
    assert line.vendor.requests == 2
