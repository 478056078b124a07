"""Piper's own code, with a voice made by hand that hums: see vendors/piper_voice.py."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from vendors.piper_voice import make_voice

from contracts.dialog import Voice
from services.tts.provider import SynthesisError
from services.tts.providers.piper import Piper

WORDS = "Your number is four five six."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("voices")
    make_voice(made, "de_DE-hum-low", ("eva", "max"))
    make_voice(made, "en_US-hum-low")
    (made / "fr_FR-broken-low.onnx").write_bytes(b"no model")
    return made


@pytest.fixture
async def piper(folder: Path) -> AsyncIterator[Piper]:
    made = Piper(folder, processes=1)
    yield made
    await made.close()


async def spoken(piper: Piper, name: str) -> bytes:
    async with asyncio.timeout(20):
        return b"".join([p async for p in piper.speak(WORDS, Voice(name=name))])


async def test_each_voice_and_speaker_of_the_folder_sounds_like_itself(piper: Piper) -> None:
    names = ("en_US-hum-low", "de_DE-hum-low:eva", "de_DE-hum-low:max")
    sounds = [await spoken(piper, name) for name in names]
    assert len(set(sounds)) == 3
    assert await spoken(piper, "de_DE-hum-low") == sounds[1], "of several the first"


@pytest.mark.parametrize("name", ["nl_NL-hum-low", "../en_US-hum-low", "de_DE-hum-low:tom"])
async def test_a_voice_or_speaker_that_is_not_there_is_an_error_by_name(
    piper: Piper, name: str
) -> None:
    with pytest.raises(SynthesisError, match="piper: unknown_voice") as unknown:
        await spoken(piper, name)
    assert not unknown.value.retryable


async def test_a_folder_without_voices_speaks_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match="piper: unknown_voice"):
        await spoken(Piper(tmp_path), Voice().name)


async def test_a_file_that_is_no_voice_harms_no_other(piper: Piper) -> None:
    with pytest.raises(SynthesisError, match="piper: crashed"):
        await spoken(piper, "fr_FR-broken-low")
    assert await spoken(piper, "en_US-hum-low")


async def test_a_process_that_dies_amid_a_sentence_is_replaced(piper: Piper) -> None:
    speaking = piper.speak(WORDS * 40, Voice(name="en_US-hum-low"))
    await anext(speaking)
    (child,) = piper_processes()
    os.kill(child, signal.SIGKILL)
    with pytest.raises(SynthesisError, match="piper: crashed") as crashed:
        async for _ in speaking:
            pass
    assert crashed.value.retryable
    assert await spoken(piper, "en_US-hum-low")


async def test_closing_ends_the_processes_of_all_voices(folder: Path) -> None:
    piper = Piper(folder)
    await asyncio.gather(spoken(piper, "en_US-hum-low"), spoken(piper, "de_DE-hum-low:max"))
    assert len(piper_processes()) == 2
    await piper.close()
    assert piper_processes() == []


def piper_processes() -> list[int]:
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [pid for task in children for pid in task.read_text().split()]
    return [int(p) for p in pids if b"piper_process" in Path(f"/proc/{p}/cmdline").read_bytes()]
