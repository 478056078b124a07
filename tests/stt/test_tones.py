"""The recogniser of touch tones, and that it hears what the voice of touch tones says."""

from contracts.agent import Agent
from services.audio.frames import SILENT_FRAME, split
from services.audio.touch_tones import encode
from services.stt.provider import Ear, Heard
from services.stt.providers.tones import Tones


async def test_a_turn_is_the_symbols_of_its_sound() -> None:
    ear = await Tones().open(Agent(name="a"), "en")
    assert await _turn(ear, encode("071")) == Heard(text="0 7 1", final=True)
    assert await _turn(ear, encode("29")) == Heard(text="2 9", final=True)


async def test_a_turn_without_symbols_is_not_understood() -> None:
    ear = await Tones().open(Agent(name="a"), "en")
    assert await _turn(ear, SILENT_FRAME * 20) == Heard(text="", final=True)


async def test_what_is_heard_ends_when_the_ear_is_closed() -> None:
    ear = await Tones().open(Agent(name="a"), "en")
    await ear.close()
    assert [heard async for heard in ear.heard()] == []


async def _turn(ear: Ear, sound: bytes) -> Heard:
    for frame in split(sound):
        ear.feed(frame)
    ear.finish()
    return await anext(aiter(ear.heard()))
