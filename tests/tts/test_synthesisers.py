"""What every synthesiser promises; and what each of ours adds.

With `-m live`: the vendors' own, as far as their keys are in the environment.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from eventually import eventually, eventually_async
from vendors import (
    cartesia_voice,
    coqui,
    deepgram_voice,
    elevenlabs,
    elevenlabs_socket,
    groq_speech,
    openai_speech,
    sarvam_voice,
)
from vendors.piper_voice import make_voice
from vendors.voice_sockets import Speaking, said_in

from contracts.dialog import Voice
from infra.outside import Offered
from services.audio import mulaw
from services.cli.settings import from_environment
from services.tts.provider import SynthesisError, TextToSpeech, WordTimes
from services.tts.providers import OFFERED
from services.tts.providers.espeak import Espeak
from services.tts.providers.flite import Flite, installed
from services.tts.providers.tone import Tone

SHORT = "Good morning."
LONG = "We are open from nine to five on weekdays, and a check-up costs 45 pounds on the 3rd."
flite_here = pytest.mark.skipif(not installed(), reason="flite is not installed here")
ALL = ["espeak", pytest.param("flite", marks=flite_here), "embedded", "tone"]
SPEAKING = [*ALL[:3], "piper"]


async def read_as_a_tone(reading: elevenlabs.Reading) -> None:
    for piece in await tone(reading.body["text"]):
        await reading.audio(piece)


async def speak_as_a_tone(speaking: Speaking) -> None:
    for piece, said in said_in(await tone(speaking.text), speaking.text):
        await speaking.audio(piece, said)


async def tone(text: str) -> list[bytes]:
    (sound,) = [piece async for piece in Tone().speak(text, Voice())]
    return [sound[start : start + 800] for start in range(0, len(sound), 800)]


class Outside(NamedTuple):
    """A vendor on loopback, a voice it has, and its script for a tone where it needs one."""

    serve: Callable[[], AbstractAsyncContextManager[Any]]
    voice: str
    script: Callable[[Any], Awaitable[None]] | None = None


OUTSIDE = {
    "elevenlabs": Outside(
        elevenlabs_socket.elevenlabs_socket_server, elevenlabs.VOICE, speak_as_a_tone
    ),
    "elevenlabs_http": Outside(elevenlabs.elevenlabs_server, elevenlabs.VOICE, read_as_a_tone),
    "deepgram": Outside(
        deepgram_voice.deepgram_voice_server, deepgram_voice.VOICE, speak_as_a_tone
    ),
    "cartesia": Outside(
        cartesia_voice.cartesia_voice_server, cartesia_voice.VOICE, speak_as_a_tone
    ),
    "groq": Outside(groq_speech.groq_speech_server, "hannah"),
    "openai": Outside(openai_speech.openai_speech_server, "marin"),
    "sarvam": Outside(sarvam_voice.sarvam_voice_server, "ritu"),
    "coqui": Outside(coqui.coqui_server, "p226"),
}


LIVE = [pytest.param(name, marks=pytest.mark.live, id=f"{name}-live") for name in OUTSIDE]


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of what runs on this machine."""
    folder = tmp_path_factory.mktemp("voices")
    make_voice(folder, "en_US-hum-low")
    return {"piper_voices": str(folder)}


@pytest.fixture(params=[*ALL, "piper", *OUTSIDE, *LIVE])
async def synthesiser(
    request: pytest.FixtureRequest, inside: dict[str, str]
) -> AsyncIterator[TextToSpeech]:
    live = request.node.get_closest_marker("live") is not None
    if live or request.param not in OUTSIDE:
        offered = Offered(OFFERED, from_environment().provider_keys() if live else inside)
        if request.param in offered.lacking:
            pytest.skip(f"{request.param}: {offered.lacking[request.param]}")
        yield offered[request.param]
        await offered.close()
        return
    async with OUTSIDE[request.param].serve() as vendor:
        vendor.script = OUTSIDE[request.param].script or vendor.script
        made = OFFERED[request.param].make(keys_of(request.param, vendor))
        yield made
        await made.close()


def keys_of(name: str, vendor: Any) -> dict[str, str]:
    url = f"{vendor.url}/v1" if name == "openai" else vendor.url
    company = name.partition("_")[0]
    return {f"{company}_api_key": vendor.key, f"{company}_url": url}


def usual_voice(synthesiser: TextToSpeech) -> Voice:
    outside = OUTSIDE.get(synthesiser.name)
    return Voice(name=outside.voice) if outside else Voice()


@pytest.fixture(params=SPEAKING)
async def speaker(
    request: pytest.FixtureRequest, inside: dict[str, str]
) -> AsyncIterator[TextToSpeech]:
    made = OFFERED[request.param].make(inside)
    yield made
    await made.close()


async def spoken(synthesiser: TextToSpeech, text: str, voice: Voice | None = None) -> bytes:
    pieces = synthesiser.speak(text, voice or usual_voice(synthesiser))
    return b"".join([piece async for piece in pieces if isinstance(piece, bytes)])


def peak_dbfs(sound: bytes) -> float:
    samples = np.frombuffer(mulaw.decode(sound), "<i2").astype(float)
    return float(20 * np.log10(np.abs(samples).max() / 32768))


async def test_a_sentence_becomes_telephone_sound(synthesiser: TextToSpeech) -> None:
    sound = await spoken(synthesiser, LONG)
    assert 3_000 < len(sound) / 8 < 12_000, "milliseconds for some twenty words"
    assert -14 < peak_dbfs(sound) < -3


async def test_more_words_last_longer(synthesiser: TextToSpeech) -> None:
    assert len(await spoken(synthesiser, LONG)) > 2 * len(await spoken(synthesiser, SHORT))


async def test_sentences_may_be_spoken_side_by_side(synthesiser: TextToSpeech) -> None:
    alone = await spoken(synthesiser, SHORT)
    together = await asyncio.gather(*(spoken(synthesiser, SHORT) for _ in range(6)))
    assert all(abs(len(sound) - len(alone)) < 800 for sound in together)


async def test_a_sentence_given_up_leaves_the_next_one_whole(synthesiser: TextToSpeech) -> None:
    alone = await spoken(synthesiser, SHORT)
    for _ in range(5):
        given_up = synthesiser.speak(LONG, usual_voice(synthesiser))
        assert await anext(given_up)
        assert isinstance(given_up, AsyncGenerator)
        await given_up.aclose()
    assert abs(len(await spoken(synthesiser, SHORT)) - len(alone)) < 800


async def test_word_times_are_told_once_and_fit_the_sound(synthesiser: TextToSpeech) -> None:
    pieces = [piece async for piece in synthesiser.speak(LONG, usual_voice(synthesiser))]
    told = [piece for piece in pieces if isinstance(piece, WordTimes)]
    assert len(told) == synthesiser.capabilities.word_times
    sound_ms = sum(len(piece) for piece in pieces if isinstance(piece, bytes)) / 8
    for times in told:
        assert len(times.ends_ms) == len(LONG.split())
        assert list(times.ends_ms) == sorted(times.ends_ms)
        assert sound_ms - 200 < times.ends_ms[-1] <= sound_ms + 20


@pytest.mark.parametrize("text", ["...", "\0", "ünïcödé 東京 [[x]] <speak>", "x" * 300])
async def test_odd_text_does_no_harm(synthesiser: TextToSpeech, text: str) -> None:
    with contextlib.suppress(SynthesisError):
        await spoken(synthesiser, text)
    assert len(await spoken(synthesiser, SHORT)) > 1_000


async def test_speech_is_as_loud_as_a_telephone_voice(speaker: TextToSpeech) -> None:
    assert -10 < peak_dbfs(await spoken(speaker, LONG)) < -4


async def test_speed_is_obeyed(speaker: TextToSpeech) -> None:
    fast = await spoken(speaker, LONG, Voice(speed_wpm=230))
    slow = await spoken(speaker, LONG, Voice(speed_wpm=120))
    assert len(fast) < 0.75 * len(slow)


async def test_audio_comes_before_the_sentence_is_done(speaker: TextToSpeech) -> None:
    assert len([piece async for piece in speaker.speak(LONG, Voice())]) > 10


@pytest.mark.parametrize("make", [Espeak, pytest.param(Flite, marks=flite_here)])
async def test_a_speech_process_that_dies_is_replaced(make: type[Espeak] | type[Flite]) -> None:
    synthesiser = make(processes=1)
    broken = synthesiser.speak(LONG * 20, Voice())
    await anext(broken)
    (child,) = speech_processes(os.getpid())
    os.kill(child, signal.SIGKILL)
    with pytest.raises(SynthesisError) as crashed:
        async for _ in broken:
            pass
    assert (crashed.value.kind, crashed.value.retryable) == ("crashed", True)
    assert len(await spoken(synthesiser, SHORT)) > 1_000
    await synthesiser.close()


async def test_an_idle_speech_process_that_died_is_replaced() -> None:
    synthesiser = Espeak(processes=1)
    await spoken(synthesiser, SHORT)
    (child,) = speech_processes(os.getpid())
    os.kill(child, signal.SIGKILL)

    async def gone() -> bool:
        return not speech_processes(os.getpid())

    await eventually_async(gone)
    assert len(await spoken(synthesiser, SHORT)) > 1_000
    await synthesiser.close()


async def test_a_voice_espeak_does_not_have_is_an_error_by_name() -> None:
    synthesiser = Espeak(processes=1)
    with pytest.raises(SynthesisError, match="espeak: unknown_voice") as unknown:
        await spoken(synthesiser, SHORT, Voice(name="no-such-voice"))
    assert not unknown.value.retryable
    assert len(await spoken(synthesiser, SHORT, Voice(name="de"))) > 1_000
    await synthesiser.close()


async def test_closing_ends_the_speech_processes() -> None:
    synthesiser = Espeak()
    await asyncio.gather(spoken(synthesiser, SHORT), spoken(synthesiser, SHORT))
    assert len(speech_processes(os.getpid())) == 2
    await synthesiser.close()
    assert speech_processes(os.getpid()) == []


def test_a_speech_process_dies_with_its_parent() -> None:
    program = (
        "import asyncio\n"
        "from contracts.dialog import Voice\n"
        "from services.tts.providers.espeak import Espeak\n"
        "async def main():\n"
        "    espeak = Espeak()\n"
        "    async for _ in espeak.speak('one', Voice()): pass\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env={"PYTHONPATH": root}
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        (child,) = speech_processes(parent.pid)
        parent.kill()
    eventually(lambda: not is_speech_process(child))


async def test_what_is_not_asked_for_is_not_made() -> None:
    offered = Offered(OFFERED, {})
    assert {"espeak", "flite", "embedded", "tone", "tones"} <= set(offered)
    assert offered.get("nobody") is None
    assert offered["tone"] is offered["tone"]
    await offered.close()


def test_a_voice_without_its_key_is_not_offered_and_says_what_to_set() -> None:
    offered = Offered(OFFERED, {})
    assert offered.get("elevenlabs") is None
    assert offered.lacking["elevenlabs"] == "set PARTYLINE_ELEVENLABS_API_KEY"


def speech_processes(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task").glob("*/children")
    pids = [int(pid) for task in children for pid in task.read_text().split()]
    return [pid for pid in pids if is_speech_process(pid)]


def is_speech_process(pid: int) -> bool:
    try:
        return b"speech_process.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
