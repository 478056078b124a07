"""The vendors on loopback, for every test that asks for one."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import vendors.cartesia
import vendors.coqui
import vendors.deepgram
import vendors.deepgram_flux
import vendors.elevenlabs
import vendors.groq
import vendors.groq_speech
import vendors.openai_speech
import vendors.sarvam_voice


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """One that knows no vendor."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def deepgram_server() -> AsyncIterator[vendors.deepgram.DeepgramServer]:
    async with vendors.deepgram.deepgram_server() as server:
        yield server


@pytest.fixture
async def groq_server() -> AsyncIterator[vendors.groq.GroqServer]:
    async with vendors.groq.groq_server() as server:
        yield server


@pytest.fixture
async def elevenlabs_server() -> AsyncIterator[vendors.elevenlabs.ElevenLabsServer]:
    async with vendors.elevenlabs.elevenlabs_server() as server:
        yield server


@pytest.fixture
async def flux_server() -> AsyncIterator[vendors.deepgram_flux.FluxServer]:
    async with vendors.deepgram_flux.flux_server() as server:
        yield server


@pytest.fixture
async def cartesia_server() -> AsyncIterator[vendors.cartesia.InkServer]:
    async with vendors.cartesia.cartesia_server() as server:
        yield server


@pytest.fixture
async def groq_speech_server() -> AsyncIterator[vendors.groq_speech.GroqSpeechServer]:
    async with vendors.groq_speech.groq_speech_server() as server:
        yield server


@pytest.fixture
async def openai_speech_server() -> AsyncIterator[vendors.openai_speech.OpenAISpeechServer]:
    async with vendors.openai_speech.openai_speech_server() as server:
        yield server


@pytest.fixture
async def coqui_server() -> AsyncIterator[vendors.coqui.CoquiServer]:
    async with vendors.coqui.coqui_server() as server:
        yield server


@pytest.fixture
async def sarvam_voice_server() -> AsyncIterator[vendors.sarvam_voice.SarvamVoiceServer]:
    async with vendors.sarvam_voice.sarvam_voice_server() as server:
        yield server
