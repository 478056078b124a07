"""Language models by name; each is imported when it is first wanted."""

from collections.abc import Mapping
from typing import Final

from infra.outside import Keys, Offer
from services.dialog.provider import LanguageModel


def _rules(keys: Keys) -> LanguageModel:
    from services.dialog.providers.rules import Rules

    return Rules()


def _scripted(keys: Keys) -> LanguageModel:
    from services.dialog.providers.scripted import Scripted

    return Scripted()


def _groq(keys: Keys) -> LanguageModel:
    from services.dialog.providers.groq import Groq

    return Groq(keys["groq_api_key"], keys.get("groq_url"))


def _openai(keys: Keys) -> LanguageModel:
    from services.dialog.providers.openai import OpenAI

    return OpenAI(keys["openai_api_key"], keys.get("openai_url"))


def _ollama(keys: Keys) -> LanguageModel:
    from services.dialog.providers.ollama import Ollama

    return Ollama(keys["ollama_url"])


def _sarvam(keys: Keys) -> LanguageModel:
    from services.dialog.providers.sarvam import Sarvam

    return Sarvam(keys["sarvam_api_key"], keys.get("sarvam_url"))


OFFERED: Final[Mapping[str, Offer[LanguageModel]]] = {
    "rules": Offer(make=_rules),
    "scripted": Offer(make=_scripted),
    "groq": Offer(make=_groq, needs=("groq_api_key",), package="groq", extra="groq"),
    "openai": Offer(make=_openai, needs=("openai_api_key",), package="openai", extra="openai"),
    "ollama": Offer(make=_ollama, needs=("ollama_url",), package="ollama", extra="ollama"),
    "sarvam": Offer(make=_sarvam, needs=("sarvam_api_key",), package="openai", extra="openai"),
}
