"""Who can be telephoned with: each company's services, with the scripts that make them answer."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from vendors.accounts import Accounts
from vendors.by_hand import asked, deepgram, talking, turns
from vendors.by_hand.hearing import known
from vendors.by_hand.latency import Latency
from vendors.cartesia import InkServer
from vendors.cartesia_voice import CartesiaVoiceServer
from vendors.deepgram import DeepgramServer
from vendors.deepgram_flux import FluxServer
from vendors.deepgram_voice import DeepgramVoiceServer
from vendors.elevenlabs import ElevenLabsServer
from vendors.elevenlabs_scribe import ScribeServer
from vendors.elevenlabs_socket import ElevenLabsSocketServer
from vendors.groq import GroqServer
from vendors.groq_audio import GroqTranscription
from vendors.ollama import OllamaServer
from vendors.ollama_embeddings import OllamaEmbeddings
from vendors.openai import OpenAIServer
from vendors.openai_audio import OpenAIAudio
from vendors.openai_embeddings import OpenAIEmbeddings
from vendors.sarvam import SaarasServer
from vendors.sarvam_chat import SarvamChatServer
from vendors.strict import Vendor

from services.tts.providers.espeak import Espeak

BASES: Mapping[str, str] = {"openai": "/v1"}  # what belongs to a company's address
WITHOUT_KEY = {"ollama"}


class Company:
    """One port's services."""

    def __init__(self, name: str, *services: tuple[Vendor[Any], str, str]) -> None:
        self.name = name
        self._services = services  # each with its method and path

    def routes(self) -> list[web.RouteDef]:
        """Its services, and whether a key is good."""
        routes = [web.route(method, path, s.answer) for s, method, path in self._services]
        return [*routes, Accounts().route(self.name, BASES.get(self.name, ""))]

    def violations(self) -> list[str]:
        """What the real one would not have taken."""
        return [v for service, _, _ in self._services for v in service.violations]


def companies(latency: Latency, espeak: Espeak) -> list[Company]:
    """All of them, ready to serve."""
    heard = known()
    nova, flux, ink = DeepgramServer(), FluxServer(), InkServer()
    nova.script = deepgram.nova(heard, latency)
    flux.script, ink.script = turns.flux(heard, latency), turns.ink(heard, latency)
    scribe, saaras = ScribeServer(), SaarasServer()
    scribe.script, saaras.script = asked.scribe(heard, latency), asked.saaras(latency)
    groq_files, openai_files = GroqTranscription(), OpenAIAudio()
    groq_files.script = openai_files.script = asked.transcription(latency)
    groq, openai, ollama = GroqServer(), OpenAIServer(), OllamaServer()
    sarvam = SarvamChatServer()
    for each in (groq, openai, ollama, sarvam):
        each.script = talking.chat(latency)
    requested = ElevenLabsServer()
    requested.script = talking.voice(latency, espeak)
    eleven, aura, sonic = ElevenLabsSocketServer(), DeepgramVoiceServer(), CartesiaVoiceServer()
    for voice in (eleven, aura, sonic):
        voice.script = talking.voice_on_a_socket(latency, espeak)
    return [
        Company("deepgram", _socket(nova), _socket(flux), _socket(aura)),
        Company(
            "groq",
            (groq, "POST", "/openai/v1/chat/completions"),
            (groq_files, "POST", groq_files.path),
        ),
        Company(
            "elevenlabs",
            (requested, "POST", "/v1/text-to-speech/{voice}/stream"),
            _socket(eleven),
            _socket(scribe),
        ),
        Company("cartesia", _socket(ink), _socket(sonic)),
        Company(
            "openai",
            (openai, openai.method, openai.path),
            (openai_files, "POST", openai_files.path),
            (OpenAIEmbeddings(), "POST", OpenAIEmbeddings.path),
        ),
        Company(
            "ollama",
            (ollama, ollama.method, ollama.path),
            (OllamaEmbeddings(), "POST", OllamaEmbeddings.path),
        ),
        Company("sarvam", (sarvam, sarvam.method, sarvam.path), _socket(saaras)),
    ]


def _socket(server: Any) -> tuple[Vendor[Any], str, str]:
    return server, "GET", server.path
