"""Whom the example agent works with: the first of each port whose key is set, then the embedded."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from contracts.agent import Agent, Fallback, Provider
from contracts.dialog import FallbackVoice, Voice
from infra.outside import Keys, Offer, Port
from services.dialog import providers as dialog_providers
from services.stt import providers as stt_providers
from services.tts import providers as tts_providers

_EARS: Final = ("deepgram-flux", "deepgram", "elevenlabs", "cartesia", "groq-whisper", "openai")
_EAGER: Final[Mapping[str, dict[str, Any]]] = {  # likely ends are told: see docs/turns.md
    "deepgram-flux": {"eager_eot_threshold": 0.4},
    "cartesia": {"turn_eager_end_threshold": 0.4},
}
_MODELS: Final = ("groq", "openai", "ollama")
_VOICES: Final = {  # each with a voice that every account has
    "elevenlabs": "21m00Tcm4TlvDq8ikWAM",
    "cartesia": "f786b574-daa5-4673-aa0c-cbe3e8534c02",
    "deepgram": "aura-2-thalia-en",
    "groq": "autumn",
    "openai": "marin",
}


def with_keys(agent: Agent, keys: Keys) -> Agent:
    """The agent with outside providers in place of the embedded ones, where their keys are set."""
    ear = _first(_EARS, stt_providers.OFFERED, keys)
    model = _first(_MODELS, dialog_providers.OFFERED, keys)
    voice = _first(_VOICES, tts_providers.OFFERED, keys)
    if ear:
        kept = (Fallback(provider=agent.stt.provider),)
        options = _EAGER.get(ear, {})
        agent = replace(agent, stt=Provider(provider=ear, options=options, fallbacks=kept))
    if model:
        kept = (Fallback(provider=agent.llm.provider),)
        agent = replace(agent, llm=Provider(provider=model, fallbacks=kept))
    if voice:
        own = (FallbackVoice(provider=agent.voice.provider),)
        agent = replace(agent, voice=Voice(provider=voice, name=_VOICES[voice], fallbacks=own))
    return agent


def named(agent: Agent) -> str:
    """For people: who hears, answers and speaks."""
    return (
        f"{agent.stt.provider} hears, {agent.llm.provider} answers, {agent.voice.provider} speaks"
    )


def _first(names: Iterable[str], offers: Mapping[str, Offer[Port]], keys: Keys) -> str:
    """The first that is offered, is outside (needs a key) and lacks nothing; empty: none."""
    usable = (name for name in names if name in offers and not offers[name].lacks(keys))
    return next((name for name in usable if offers[name].needs), "")
