"""Fixed phrases are synthesised once and kept within their bounds."""

import asyncio
from pathlib import Path

import pytest
from eventually import eventually_async
from voices import Failing, Held, Timed

from contracts.dialog import Voice
from services.audio.frames import SILENT_FRAME
from services.tts.cache import Phrases, Recording
from services.tts.provider import SynthesisError, WordTimes

PHRASE_BYTES = 22 * 160  # what Held speaks


async def heard(recording: Recording) -> bytes:
    return b"".join([piece async for piece in recording.listen() if isinstance(piece, bytes)])


async def times(recording: Recording) -> list[WordTimes]:
    return [piece async for piece in recording.listen() if isinstance(piece, WordTimes)]


def speaking() -> Held:
    held = Held()
    held.let_go.set()
    return held


async def test_a_phrase_wanted_by_several_at_once_is_synthesised_once() -> None:
    held, phrases = Held(), Phrases()
    listening = [
        asyncio.create_task(heard(phrases.phrase(held, "Hello.", Voice()))) for _ in range(5)
    ]
    held.let_go.set()
    sounds = await asyncio.gather(*listening)
    assert held.asked == ["Hello."]
    assert {len(sound) for sound in sounds} == {PHRASE_BYTES}


async def test_a_phrase_is_heard_while_it_is_being_synthesised() -> None:
    held, phrases = Held(), Phrases()
    listening = phrases.phrase(held, "Hello.", Voice()).listen()
    assert await anext(listening) == SILENT_FRAME * 2
    held.let_go.set()
    assert await anext(listening) == SILENT_FRAME * 20


async def test_another_voice_speed_or_language_is_another_phrase() -> None:
    held, phrases = speaking(), Phrases()
    others = (Voice(name="de"), Voice(speed_wpm=200), Voice(model="new"), Voice(language="nl"))
    for voice in (Voice(), *others, Voice()):
        await heard(phrases.phrase(held, "Hello.", voice))
    assert len(held.asked) == 5


async def test_the_phrase_used_longest_ago_makes_room() -> None:
    held, phrases = speaking(), Phrases(limit_bytes=2 * PHRASE_BYTES)
    for text in ("one", "two", "one", "three", "one", "two"):
        await heard(phrases.phrase(held, text, Voice()))
    assert held.asked == ["one", "two", "three", "two"]


async def test_a_failure_is_told_to_all_and_not_kept() -> None:
    failing, phrases = Failing(1), Phrases()
    both = [phrases.phrase(failing, "Hello.", Voice()) for _ in range(2)]
    told = await asyncio.gather(*(heard(one) for one in both), return_exceptions=True)
    assert [type(failure) for failure in told] == [SynthesisError] * 2
    assert len(await heard(phrases.phrase(failing, "Hello.", Voice()))) == 640


async def test_a_phrase_outlives_its_worker_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "phrases"
    await heard(Phrases(folder=folder).phrase(speaking(), "Hello.", Voice()))

    async def kept() -> bool:
        return any(file.suffix == ".ulaw" for file in folder.glob("*"))

    await eventually_async(kept)
    held = speaking()
    recording = Phrases(folder=folder).phrase(held, "Hello.", Voice())
    assert len(await heard(recording)) == PHRASE_BYTES
    assert recording.cached
    assert held.asked == []


async def test_the_times_of_a_phrases_words_are_kept_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "phrases"
    timed, phrases = Timed(400, 900), Phrases(folder=folder)
    first = await times(phrases.phrase(timed, "Hello there.", Voice()))
    again = await times(phrases.phrase(timed, "Hello there.", Voice()))

    async def kept() -> bool:
        return any(file.suffix == ".ulaw" for file in folder.glob("*"))

    await eventually_async(kept)
    later = await times(Phrases(folder=folder).phrase(timed, "Hello there.", Voice()))
    assert first == again == later == [WordTimes((400, 900))]
    assert timed.asked == 1


async def test_a_folder_that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    occupied = tmp_path / "file"
    occupied.write_bytes(b"")
    phrases = Phrases(folder=occupied)
    assert len(await heard(phrases.phrase(speaking(), "Hello.", Voice()))) == PHRASE_BYTES

    async def told() -> bool:
        return "could not be kept" in caplog.text

    await eventually_async(told)
