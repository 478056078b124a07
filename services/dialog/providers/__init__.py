"""Language models by name; each is imported when it is first wanted."""

from collections.abc import Callable, Mapping
from typing import Final

from services.dialog.provider import LanguageModel

Keys = Mapping[str, str]  # keys and addresses of providers, by the names of their settings


def _rules(keys: Keys) -> LanguageModel:
    from services.dialog.providers.rules import Rules

    return Rules()


def _scripted(keys: Keys) -> LanguageModel:
    from services.dialog.providers.scripted import Scripted

    return Scripted()


def _groq(keys: Keys) -> LanguageModel:
    from services.dialog.providers.groq import Groq

    return Groq(keys["groq_api_key"], keys.get("groq_url"))


OFFERED: Final[Mapping[str, Callable[[Keys], LanguageModel]]] = {
    "rules": _rules,
    "scripted": _scripted,
    "groq": _groq,
}
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {"groq": ("groq_api_key",)}
