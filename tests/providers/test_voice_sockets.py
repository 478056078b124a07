"""What all adapters that speak over sockets promise: few handshakes, clean ends, no lost places."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest
from vendors.voice_sockets import Speaking
from voices_on_sockets import ADAPTERS, Adapter, Line, spoken, times

SENTENCE = "Good morning, how are you?"


@pytest.fixture(params=ADAPTERS.values(), ids=ADAPTERS)
async def line(request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    adapter: Adapter = request.param
    async with adapter.vendor() as vendor:
        synthesiser = adapter.make(vendor.key, vendor.url, 5_000)
        yield Line(adapter, vendor, synthesiser)
        await synthesiser.close()


async def held(speaking: Speaking) -> None:
    """Some sound, and no end of it."""
    await speaking.audio(b"\x11" * 160)
    await speaking.unwanted()


async def begun(line: Line) -> AsyncGenerator[object]:
    """A sentence of which the first sound was heard."""
    sound = line.synthesiser.speak(SENTENCE, line.adapter.voice)
    assert isinstance(sound, AsyncGenerator)
    await anext(sound)
    return sound


async def test_a_sentence_comes_back_whole(line: Line) -> None:
    tone = bytes(range(256)) * 13 + b"an odd tail"

    async def script(speaking: Speaking) -> None:
        assert speaking.text == SENTENCE
        await speaking.audio(tone[:1_000])
        await speaking.audio(tone[1_000:])

    line.vendor.script = script
    assert await spoken(line, SENTENCE) == tone


async def test_the_first_sound_is_heard_before_the_sentence_is_done(line: Line) -> None:
    heard = asyncio.Event()

    async def script(speaking: Speaking) -> None:
        await speaking.audio(b"\x11" * 160)
        await heard.wait()
        await speaking.audio(b"\x22" * 160)

    line.vendor.script = script
    async with aclosing(await begun(line)) as sound:
        heard.set()
        assert await anext(sound) == b"\x22" * 160


async def test_sentence_after_sentence_needs_one_handshake(line: Line) -> None:
    for _ in range(5):
        await spoken(line, SENTENCE)
    assert line.vendor.requests == 1


async def test_sentences_side_by_side_share_a_connection_as_far_as_the_vendor_lets_them(
    line: Line,
) -> None:
    places = line.adapter.places
    sounds = [await begun(line) for line.vendor.script in [held] for _ in range(places + 1)]
    assert line.vendor.requests == 2
    assert len(line.vendor.asked) == places + 1
    for sound in sounds:
        await sound.aclose()


async def test_an_interrupted_sentence_leaves_the_next_one_whole(line: Line) -> None:
    line.vendor.script = held
    sound = await begun(line)
    await sound.aclose()

    async def script(speaking: Speaking) -> None:
        await speaking.audio(b"\x22" * 160)

    line.vendor.script = script
    assert await spoken(line, SENTENCE) == b"\x22" * 160


async def test_whoever_interrupts_does_not_wait_for_the_vendor(line: Line) -> None:
    line.vendor.script = held
    sound = await begun(line)
    waiting = asyncio.create_task(sound.aclose())
    await asyncio.sleep(0)
    assert waiting.done()


async def test_a_sentence_nobody_begins_to_hear_is_never_asked_for(line: Line) -> None:
    sound = line.synthesiser.speak(SENTENCE, line.adapter.voice)
    assert isinstance(sound, AsyncGenerator)
    await sound.aclose()
    assert line.vendor.requests == 0


async def test_a_connection_that_the_vendor_closed_meanwhile_is_replaced_unnoticed(
    line: Line,
) -> None:
    await spoken(line, SENTENCE)
    (client,) = line.vendor.clients
    client.break_off()
    await spoken(line, SENTENCE)
    assert line.vendor.requests == 2


async def test_a_connection_that_stalled_is_not_trusted_with_the_next_sentence(line: Line) -> None:
    impatient = line.adapter.make(line.vendor.key, line.vendor.url, 400)
    line.vendor.script = held
    with pytest.raises(Exception, match="timeout"):
        await spoken(line._replace(synthesiser=impatient), SENTENCE)
    line.vendor.script = a_frame
    await spoken(line._replace(synthesiser=impatient), SENTENCE)
    assert line.vendor.requests == 2
    await impatient.close()


async def a_frame(speaking: Speaking) -> None:
    await speaking.audio(b"\x22" * 160)


async def test_closing_hangs_up(line: Line) -> None:
    await spoken(line, SENTENCE)
    (client,) = line.vendor.clients
    await line.synthesiser.close()
    await client.until(lambda: client.gone)


async def test_closing_amid_a_sentence_ends_it(line: Line) -> None:
    line.vendor.script = held
    sound = await begun(line)
    ending = asyncio.ensure_future(anext(sound))
    await line.synthesiser.close()
    with pytest.raises(Exception, match="disconnected"):
        await ending
    await sound.aclose()


async def test_the_words_of_a_text_that_is_spoken_otherwise_have_no_times(line: Line) -> None:
    async def script(speaking: Speaking) -> None:
        await speaking.audio(b"\x11" * 1_600, "Good morning, how do you do?")

    line.vendor.script = script
    assert await times(line, SENTENCE) == []


async def test_the_log_keeps_neither_words_nor_key_even_at_debug(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await spoken(line, SENTENCE)
    assert SENTENCE not in caplog.text
    assert line.vendor.key not in caplog.text
