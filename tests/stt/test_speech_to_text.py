"""What every recogniser must do, whoever makes it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import pytest
from stt_voices import spoken

from contracts.agent import Agent, Intent, Provider
from services.audio.frames import SILENT_FRAME
from services.stt.provider import Heard, SpeechToText
from services.stt.providers.pocketsphinx import PocketSphinx
from services.stt.providers.scripted import Scripted


class Adapter(NamedTuple):
    """A recogniser under test, and an agent whose caller it understands."""

    make: Callable[[], SpeechToText]
    agent: Agent


ADAPTERS = {
    "scripted": Adapter(
        Scripted,
        Agent(
            name="a",
            stt=Provider(provider="scripted", options={"lines": ["no thank you"]}),
        ),
    ),
    "pocketsphinx": Adapter(
        lambda: PocketSphinx(processes=1),
        Agent(name="a", intents=(Intent(name="no", kind="confirm", phrases=("no thank you",)),)),
    ),
}


@pytest.fixture(params=sorted(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> Adapter:
    return ADAPTERS[request.param]


@pytest.fixture
async def ears(adapter: Adapter) -> AsyncIterator[SpeechToText]:
    made = adapter.make()
    yield made
    await made.close()


async def final(heard: AsyncIterator[Heard]) -> Heard:
    async with asyncio.timeout(10):
        while not (one := await anext(heard)).final:
            pass
    return one


async def test_a_turn_fed_frame_by_frame_is_understood(
    ears: SpeechToText, adapter: Adapter
) -> None:
    ear = await ears.open(adapter.agent, "en-US")
    for frame in spoken("decline"):
        ear.feed(frame)
    ear.finish()
    words = await final(ear.heard())
    assert words.text == "no thank you"
    assert 0.3 <= words.confidence <= 1.0
    await ear.close()


async def test_each_finish_is_answered_by_one_final(ears: SpeechToText, adapter: Adapter) -> None:
    ear = await ears.open(adapter.agent, "en-US")
    heard = ear.heard()
    for _ in range(3):
        for frame in spoken("decline"):
            ear.feed(frame)
        ear.finish()
    assert [(await final(heard)).text for _ in range(3)] == ["no thank you"] * 3
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
    for frame in spoken("decline"):
        one.feed(frame)
        other.feed(frame)
    other.finish()
    one.finish()
    assert (await final(one.heard())).text == (await final(other.heard())).text == "no thank you"
    await one.close()
    await other.close()
