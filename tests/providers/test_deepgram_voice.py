"""What is Deepgram's own about its voices."""

from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from vendors.deepgram_voice import FLUSHES, VOICE, deepgram_voice_server
from vendors.voice_sockets import Speaking
from voices_on_sockets import ADAPTERS, Line, spoken

from contracts.dialog import Voice
from services.tts.provider import SynthesisError
from services.tts.providers.deepgram import DeepgramVoice

TEXT = "Good morning to you."


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with deepgram_voice_server() as vendor:
        voice = DeepgramVoice(vendor.key, vendor.url, wait_ms=5_000)
        yield Line(ADAPTERS["deepgram"], vendor, voice)
        await voice.close()


async def test_a_sentence_is_a_text_and_a_flush(line: Line) -> None:
    await spoken(line, TEXT)
    (client,) = line.vendor.clients
    assert client.messages == [{"type": "Speak", "text": TEXT}, {"type": "Flush"}]
    assert dict(client.query) == {"model": VOICE, "encoding": "mulaw", "sample_rate": "8000"}


async def test_more_sentences_a_minute_than_one_connection_takes_flushes_go_to_another(
    line: Line,
) -> None:
    for _ in range(FLUSHES + 2):
        await spoken(line, TEXT)
    assert line.vendor.requests == 2
    assert len(line.vendor.asked) == FLUSHES + 2


async def test_an_interruption_clears_and_what_is_on_its_way_is_nobodys(line: Line) -> None:
    async def script(speaking: Speaking) -> None:
        await speaking.audio(b"\x11" * 160)
        try:
            await speaking.unwanted()
        finally:
            await speaking.client.say_raw(b"\x33" * 160)

    line.vendor.script = script
    sound = line.synthesiser.speak(TEXT, line.adapter.voice)
    assert isinstance(sound, AsyncGenerator)
    await anext(sound)
    await sound.aclose()
    (client,) = line.vendor.clients
    await client.until(lambda: {"type": "Clear"} in client.messages)

    async def another(speaking: Speaking) -> None:
        await speaking.audio(b"\x22" * 160)

    line.vendor.script = another
    assert await spoken(line, TEXT) == b"\x22" * 160


async def test_a_sentence_flushed_while_it_is_being_cleared_is_over_once(line: Line) -> None:
    async def script(speaking: Speaking) -> None:
        await speaking.audio(b"\x11" * 160)

    line.vendor.script = script
    for _ in range(5):
        sound = line.synthesiser.speak(TEXT, line.adapter.voice)
        assert isinstance(sound, AsyncGenerator)
        await anext(sound)
        await sound.aclose()
        assert await spoken(line, TEXT) == b"\x11" * 160


async def test_a_warning_means_that_the_sentence_is_not_spoken(line: Line) -> None:
    async def script(speaking: Speaking) -> None:
        await speaking.client.say({"type": "Warning", "description": TEXT, "code": "NO"})
        await speaking.unwanted()

    line.vendor.script = script
    with pytest.raises(SynthesisError) as failed:
        await spoken(line, TEXT)
    assert (failed.value.kind, failed.value.retryable) == ("refused", True)
    assert TEXT not in str(failed.value)


@pytest.mark.parametrize(("speed_wpm", "speed"), [(180, "1.09"), (10, "0.7"), (900, "1.5")])
async def test_a_speed_the_vendor_does_not_know_becomes_the_nearest_it_knows(
    line: Line, speed_wpm: int, speed: str
) -> None:
    await spoken(line, TEXT, Voice(name=VOICE, speed_wpm=speed_wpm))
    assert line.vendor.clients[0].query["speed"] == speed
