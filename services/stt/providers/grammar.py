"""What a caller may say to an agent, as a grammar in JSGF made from its intents' phrases. Pure.

format  https://www.w3.org/TR/jsgf/
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from contracts.agent import Agent

_SLOT: Final = re.compile(r"\{([^{}]*)\}")
_NO_WORD: Final = re.compile(r"[^a-z0-9']+")


class Grammar(msgspec.Struct, frozen=True, kw_only=True):
    """Sentences, and the values each slot in them can take; both in the recogniser's spelling."""

    phrases: tuple[str, ...]  # `{day}` stands for any value of the slot
    slots: dict[str, tuple[str, ...]] = {}

    def words(self) -> frozenset[str]:
        """Every word that can be said."""
        said = (_SLOT.sub(" ", phrase) for phrase in self.phrases)
        values = (value for of_slot in self.slots.values() for value in of_slot)
        return frozenset(word for text in (*said, *values) for word in text.split())

    def of_known(self, known: frozenset[str]) -> "Grammar":
        """The same without what holds a word that is not known: one would spoil the whole."""
        slots = {name: _known(values, known) for name, values in self.slots.items()}
        usable = frozenset(name for name, values in slots.items() if values)
        phrases = (p for p in self.phrases if frozenset(_SLOT.findall(p)) <= usable)
        return Grammar(
            phrases=tuple(p for p in phrases if frozenset(_SLOT.sub(" ", p).split()) <= known),
            slots={name: slots[name] for name in usable},
        )

    def jsgf(self) -> str:
        """The grammar as PocketSphinx reads it."""
        names = {name: f"<slot{n}>" for n, name in enumerate(sorted(self.slots))}
        rules = [f"{rule} = {' | '.join(self.slots[name])};" for name, rule in names.items()]
        said = [_SLOT.sub(lambda slot: names[slot[1]], phrase) for phrase in self.phrases]
        return "\n".join(
            ("#JSGF V1.0;", "grammar agent;", *rules, f"public <turn> = {' | '.join(said)};", "")
        )

    def complete(self, text: str) -> bool:
        """Whether `text` is a whole sentence, not only the beginning of one."""
        return any(self._matches(phrase, text) for phrase in self.phrases)

    def _matches(self, phrase: str, text: str) -> bool:
        pattern = _SLOT.sub(lambda slot: f"(?:{'|'.join(self.slots[slot[1]])})", phrase)
        return re.fullmatch(pattern, text) is not None


def of_agent(agent: Agent) -> Grammar | None:
    """What the agent's callers say; None when it names no phrases: then anything can be said."""
    slots = {name: _spelt(values) for name, values in agent.slots.items()}
    phrases = _spelt(
        phrase
        for intent in agent.intents
        for phrase in intent.phrases
        if all(slots.get(name) for name in _SLOT.findall(phrase))
    )
    used = frozenset(name for phrase in phrases for name in _SLOT.findall(phrase))
    kept = {name: slots[name] for name in sorted(used)}
    return Grammar(phrases=phrases, slots=kept) if phrases else None


def _spelt(texts: Iterable[str]) -> tuple[str, ...]:
    """In lower case and without punctuation, each once, slots untouched."""
    spelt = (" ".join(_spell(part) for part in _parts(text)).strip() for text in texts)
    return tuple(dict.fromkeys(" ".join(text.split()) for text in spelt if text))


def _parts(text: str) -> list[str]:
    """Words and slots, in turn."""
    return re.split(r"(\{[^{}]*\})", text)


def _spell(part: str) -> str:
    if part.startswith("{"):
        return part
    return _NO_WORD.sub(" ", part.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def known_pronunciations(lines: Iterable[str], words: frozenset[str]) -> Mapping[str, list[str]]:
    """The dictionary's lines for these words, variants such as `the(2)` included, by word."""
    found: dict[str, list[str]] = {}
    for line in lines:
        word = line.partition(" ")[0].partition("(")[0]
        if word in words:
            found.setdefault(word, []).append(line.rstrip("\n"))
    return found


def _known(values: tuple[str, ...], known: frozenset[str]) -> tuple[str, ...]:
    return tuple(value for value in values if frozenset(value.split()) <= known)
