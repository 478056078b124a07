"""What every recogniser must do, whoever makes it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import NamedTuple

import pytest
from stt_voices import spoken
from vendors.deepgram import DeepgramServer, Line, deepgram_server

from contracts.agent import Agent, Intent, Provider
from services.audio.frames import SILENT_FRAME
from services.stt.provider import Capabilities, Ear, Heard, SpeechToText
from services.stt.providers.deepgram import Deepgram
from services.stt.providers.pocketsphinx import PocketSphinx
from services.stt.providers.scripted import Scripted

WORDS = "no thank you"
PAUSE = SILENT_FRAME * 50  # 1 s


class Adapter(NamedTuple):
    """A recogniser under test, and an agent whose caller it understands."""

    make: Callable[[DeepgramServer], SpeechToText]
    agent: Agent


ADAPTERS = {
    "scripted": Adapter(
        lambda _: Scripted(),
        Agent(name="a", stt=Provider(provider="scripted", options={"lines": [WORDS]})),
    ),
    "pocketsphinx": Adapter(
        lambda _: PocketSphinx(processes=1),
        Agent(name="a", intents=(Intent(name="no", kind="confirm", phrases=(WORDS,)),)),
    ),
    "deepgram": Adapter(
        lambda vendor: Deepgram(vendor.key, vendor.url),
        Agent(name="a", stt=Provider(provider="deepgram")),
    ),
}


@pytest.fixture(params=sorted(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> Adapter:
    return ADAPTERS[request.param]


@pytest.fixture
async def ears(adapter: Adapter) -> AsyncIterator[SpeechToText]:
    async with deepgram_server() as vendor:
        vendor.script = understand_one_sentence
        made = adapter.make(vendor)
        yield made
        await made.close()


async def understand_one_sentence(line: Line) -> None:
    """Any sound is WORDS: drafted, and final when asked for or when a pause follows it."""
    taken = answered = 0  # bytes of audio, and Finalizes

    def due() -> bool:
        return len(line.finalized_bytes) > answered or _paused(line.audio[taken:])

    while True:
        await line.until(due)
        asked = len(line.finalized_bytes) > answered
        end = line.finalized_bytes[answered] if asked else len(line.audio)
        words = WORDS if _loud(line.audio[taken:end]) else ""
        await line.results(words)
        await line.results(words, is_final=True, speech_final=not asked, from_finalize=asked)
        taken, answered = end, answered + asked


def _loud(audio: bytes | bytearray) -> bool:
    return audio.strip(SILENT_FRAME) != b""


def _paused(audio: bytes | bytearray) -> bool:
    return _loud(audio) and audio.endswith(PAUSE)


def speak(ear: Ear, capabilities: Capabilities) -> None:
    """Feed WORDS as the service does: with the silence around them only where it is wanted."""
    for frame in _surrounded(capabilities):
        ear.feed(frame)


def _surrounded(capabilities: Capabilities) -> Iterator[bytes]:
    silence = [SILENT_FRAME] * 5 if capabilities.continuous else []
    yield from silence
    yield from spoken("decline")
    yield from silence


async def turn(heard: AsyncIterator[Heard]) -> list[Heard]:
    """All that is heard up to the next final."""
    pieces: list[Heard] = []
    async with asyncio.timeout(10):
        while not (pieces and pieces[-1].final):
            pieces.append(await anext(heard))
    return pieces


async def final(heard: AsyncIterator[Heard]) -> Heard:
    return (await turn(heard))[-1]


async def test_a_turn_fed_frame_by_frame_is_understood(
    ears: SpeechToText, adapter: Adapter
) -> None:
    ear = await ears.open(adapter.agent, "en-US")
    speak(ear, ears.capabilities)
    ear.finish()
    words = await final(ear.heard())
    assert words.text == WORDS
    assert 0.3 <= words.confidence <= 1.0
    await ear.close()


async def test_drafts_come_before_the_final_words_where_they_are_promised_and_nowhere_else(
    ears: SpeechToText, adapter: Adapter
) -> None:
    ear = await ears.open(adapter.agent, "en-US")
    speak(ear, ears.capabilities)
    ear.finish()
    *drafts, _ = await turn(ear.heard())
    assert bool(drafts) == ears.capabilities.interim
    await ear.close()


async def test_a_turn_is_over_when_the_recogniser_says_so_or_else_when_it_is_told(
    ears: SpeechToText, adapter: Adapter
) -> None:
    ear = await ears.open(adapter.agent, "en-US")
    speak(ear, ears.capabilities)
    if ears.capabilities.end_of_turn:
        for _ in range(60):
            ear.feed(SILENT_FRAME)
    else:
        ear.finish()
    assert (await final(ear.heard())).text == WORDS
    await ear.close()


async def test_each_finish_is_answered_by_one_final(ears: SpeechToText, adapter: Adapter) -> None:
    ear = await ears.open(adapter.agent, "en-US")
    heard = ear.heard()
    for _ in range(2):
        speak(ear, ears.capabilities)
        ear.finish()
    assert [(await final(heard)).text for _ in range(2)] == [WORDS, WORDS]
    speak(ear, ears.capabilities)
    ear.finish()
    assert (await final(heard)).text == WORDS
    await ear.close()


async def test_a_finish_without_any_sound_is_answered_too(
    ears: SpeechToText, adapter: Adapter
) -> None:
    ear = await ears.open(adapter.agent, "en-US")
    ear.finish()
    assert (await final(ear.heard())).final
    await ear.close()


async def test_closing_an_ear_ends_what_it_hears_and_may_be_done_twice(
    ears: SpeechToText, adapter: Adapter
) -> None:
    ear = await ears.open(adapter.agent, "en-US")
    ear.feed(SILENT_FRAME)
    await ear.close()
    await ear.close()
    ear.feed(SILENT_FRAME)
    async with asyncio.timeout(5):
        assert [heard async for heard in ear.heard()] == []


async def test_two_calls_are_heard_side_by_side(ears: SpeechToText, adapter: Adapter) -> None:
    one = await ears.open(adapter.agent, "en-US")
    other = await ears.open(adapter.agent, "en-US")
    speak(one, ears.capabilities)
    speak(other, ears.capabilities)
    other.finish()
    one.finish()
    assert (await final(one.heard())).text == (await final(other.heard())).text == WORDS
    await one.close()
    await other.close()
