"""What every recogniser must do, whoever makes it.

With `-m live`: the vendors' own, as far as their keys are in the environment.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, NamedTuple

import pytest
import stt_vendors
from stt_understanding import UNDERSTOOD, flux, ink, nova
from stt_voices import spoken
from vendors.cartesia import cartesia_server
from vendors.deepgram import deepgram_server
from vendors.deepgram_flux import flux_server
from vendors.elevenlabs_scribe import scribe_server
from vendors.groq_audio import groq_transcription
from vendors.openai_audio import openai_audio
from vendors.sarvam import saaras_server
from vendors.tiny_whisper import tiny_whisper

from contracts.agent import Agent, Intent, Provider
from infra.outside import Offered
from services.audio.frames import SILENT_FRAME
from services.cli.settings import from_environment
from services.stt.provider import Capabilities, Ear, Heard, SpeechToText
from services.stt.providers import OFFERED
from services.stt.providers.cartesia import Cartesia
from services.stt.providers.deepgram import Deepgram
from services.stt.providers.deepgram_flux import DeepgramFlux
from services.stt.providers.elevenlabs import Scribe
from services.stt.providers.groq_whisper import GroqWhisper
from services.stt.providers.openai import OpenAITranscription
from services.stt.providers.pocketsphinx import PocketSphinx
from services.stt.providers.sarvam import Sarvam
from services.stt.providers.scripted import Scripted
from services.stt.providers.whisper import Whisper

WORDS = UNDERSTOOD


class Adapter(NamedTuple):
    """A recogniser under test, an agent whose caller it understands, and its vendor if any."""

    make: Callable[[Any], SpeechToText]
    agent: Agent
    vendor: Callable[[], AbstractAsyncContextManager[Any]] = nullcontext
    script: Callable[[Any], Any] | None = None  # of the vendor: any sound is WORDS


def agent(provider: str, **options: Any) -> Agent:
    return Agent(name="a", stt=Provider(provider=provider, options=options))


ADAPTERS = {
    "scripted": Adapter(lambda _: Scripted(), agent("scripted", lines=[WORDS])),
    "pocketsphinx": Adapter(
        lambda _: PocketSphinx(processes=1),
        Agent(name="a", intents=(Intent(name="no", kind="confirm", phrases=(WORDS,)),)),
    ),
    "deepgram": Adapter(
        lambda vendor: Deepgram(vendor.key, vendor.url), agent("deepgram"), deepgram_server, nova
    ),
    "deepgram-flux": Adapter(
        lambda vendor: DeepgramFlux(vendor.key, vendor.url),
        agent("deepgram-flux", eager_eot_threshold=0.5),
        flux_server,
        flux,
    ),
    "cartesia": Adapter(
        lambda vendor: Cartesia(vendor.key, vendor.url),
        agent("cartesia", turn_eager_end_threshold=0.4),
        cartesia_server,
        ink,
    ),
    "groq-whisper": Adapter(
        lambda vendor: GroqWhisper(vendor.key, vendor.url),
        agent("groq-whisper"),
        groq_transcription,
        stt_vendors.transcribed,
    ),
    "openai": Adapter(
        lambda vendor: OpenAITranscription(vendor.key, f"{vendor.url}/v1"),
        agent("openai"),
        openai_audio,
        stt_vendors.transcribed,
    ),
    "whisper": Adapter(
        lambda model: Whisper(model.folder), agent("whisper"), lambda: tiny_whisper(WORDS)
    ),
    "elevenlabs": Adapter(
        lambda vendor: Scribe(vendor.key, vendor.url),
        agent("elevenlabs"),
        scribe_server,
        stt_vendors.scribe,
    ),
    "sarvam": Adapter(
        lambda vendor: Sarvam(vendor.key, vendor.url, final_ms=1_500),
        agent("sarvam"),
        saaras_server,
        stt_vendors.saaras,
    ),
}
LIVE = [
    pytest.param(name, marks=pytest.mark.live, id=f"{name}-live")
    for name, adapter in ADAPTERS.items()
    if adapter.script
]


@pytest.fixture(params=[*ADAPTERS, *LIVE])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def adapter(name: str) -> Adapter:
    return ADAPTERS[name]


@pytest.fixture
async def ears(
    name: str, adapter: Adapter, request: pytest.FixtureRequest
) -> AsyncIterator[SpeechToText]:
    if request.node.get_closest_marker("live"):
        offered = Offered(OFFERED, from_environment().provider_keys())
        if name in offered.lacking:
            pytest.skip(f"{name}: {offered.lacking[name]}")
        yield offered[name]
        await offered.close()
        return
    async with adapter.vendor() as vendor:
        if vendor is not None:
            vendor.script = adapter.script
        made = adapter.make(vendor)
        yield made
        await made.close()


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


def plain(heard: Heard) -> str:
    """Its words, however a vendor writes them."""
    return re.sub(r"[^a-z ]", "", heard.text.lower())


async def test_a_turn_fed_frame_by_frame_is_understood(
    ears: SpeechToText, adapter: Adapter
) -> None:
    ear = await ears.open(adapter.agent, "en-US")
    speak(ear, ears.capabilities)
    ear.finish()
    words = await final(ear.heard())
    assert plain(words) == WORDS
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
    assert plain(await final(ear.heard())) == WORDS
    await ear.close()


async def test_a_likely_end_is_told_before_the_end_where_it_is_promised_and_asked_for(
    ears: SpeechToText, adapter: Adapter
) -> None:
    capabilities = ears.capabilities
    ear = await ears.open(adapter.agent, "en-US")
    heard = ear.heard()
    speak(ear, capabilities)
    for _ in range(60 if capabilities.continuous else 0):
        ear.feed(SILENT_FRAME)
    before: list[Heard] = []
    if not capabilities.end_of_turn:  # what is told before it is told that the turn is over
        before = [await anext(heard)] if capabilities.eager else []
        ear.finish()
    *drafts, last = [*before, *await turn(heard)]
    likely = [draft.text for draft in drafts if draft.eager]
    assert likely[-1:] == ([last.text] if capabilities.eager else [])
    assert not last.eager
    await ear.close()


async def test_each_finish_is_answered_by_one_final(ears: SpeechToText, adapter: Adapter) -> None:
    ear = await ears.open(adapter.agent, "en-US")
    heard = ear.heard()
    for _ in range(2):
        speak(ear, ears.capabilities)
        ear.finish()
    assert [plain(await final(heard)) for _ in range(2)] == [WORDS, WORDS]
    speak(ear, ears.capabilities)
    ear.finish()
    assert plain(await final(heard)) == WORDS
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
    assert plain(await final(one.heard())) == plain(await final(other.heard())) == WORDS
    await one.close()
    await other.close()
