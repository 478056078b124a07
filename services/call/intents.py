"""What the caller wants, by the agent's own examples and a few words everybody uses. Pure."""

import re
from functools import lru_cache
from itertools import product
from typing import Final

import msgspec

from contracts.agent import Agent, Intent

_SLOT: Final = re.compile(r"\{([A-Za-z0-9_]+)\}")
_WORD: Final = re.compile(r"[\w']+")
_NEAR: Final = 0.6  # share of an example's words that must be there
_QUESTION: Final = frozenset(
    "who what when where why how which is are do does can could will would may".split()
)
_COMMON: Final[tuple[tuple[str, str, frozenset[str]], ...]] = (
    ("goodbye", "", frozenset("goodbye bye".split())),
    ("confirm", "no", frozenset("no nope not".split())),
    ("confirm", "yes", frozenset("yes yeah yep sure ok okay correct right".split())),
    ("hello", "", frozenset("hello hi hey morning afternoon evening".split())),
)


class Understanding(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: hello, goodbye, confirm, question, action or unknown."""

    intent: str
    kind: str
    slots: dict[str, str] = {}  # with 'answer' yes or no for a confirm


def understand(text: str, agent: Agent) -> Understanding:
    """The agent's intent whose example is nearest, else a common one, else unknown."""
    words = tuple(_WORD.findall(text.lower()))
    best = max(
        ((_nearness(words, intent, agent), -place) for place, intent in enumerate(agent.intents)),
        default=(0.0, 0),
    )
    if best[0] >= _NEAR:
        intent = agent.intents[-best[1]]
        slots = _slots(words, agent)
        answer = {"answer": intent.answer} if intent.answer else {}
        return Understanding(intent=intent.name, kind=intent.kind, slots={**slots, **answer})
    return _common(words, agent)


def examples(agent: Agent) -> list[str]:
    """Every example phrase with every value of its slots, lower case, without punctuation."""
    found: dict[str, None] = {}
    for intent in agent.intents:
        for phrase in intent.phrases:
            for filled in _filled(phrase, agent):
                found[" ".join(_WORD.findall(filled.lower()))] = None
    return list(found)


def _filled(phrase: str, agent: Agent) -> list[str]:
    used = _SLOT.findall(phrase)
    choices = product(*(agent.slots.get(name, ("",)) for name in used))
    return [_fill(phrase, dict(zip(used, values, strict=True))) for values in choices]


def _fill(phrase: str, values: dict[str, str]) -> str:
    return _SLOT.sub(lambda match: values[match[1]], phrase)


def _nearness(words: tuple[str, ...], intent: Intent, agent: Agent) -> float:
    """1.0 for an example's very words; else how much of it and of the caller's words agree."""
    return max((_agreement(words, phrase, agent) for phrase in intent.phrases), default=0.0)


def _agreement(words: tuple[str, ...], phrase: str, agent: Agent) -> float:
    fixed, wanted = _example(phrase)
    if not words or not (fixed or wanted):
        return 0.0
    found = _slots(words, agent)
    filled = sum(1 for name in wanted if name in found)
    slot_words = {word for name in wanted for word in _WORD.findall(found.get(name, "").lower())}
    spoken = set(words) - slot_words
    shared = len(spoken & fixed)
    union = len(spoken | fixed) + len(wanted)
    return (shared + filled) / union if union else 0.0


@lru_cache(maxsize=4096)
def _example(phrase: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """An example's fixed words and the slots it wants."""
    fixed = _WORD.findall(_SLOT.sub(" ", phrase).lower())
    return frozenset(fixed), tuple(_SLOT.findall(phrase))


def _slots(words: tuple[str, ...], agent: Agent) -> dict[str, str]:
    text = f" {' '.join(words)} "
    found: dict[str, str] = {}
    for name, values in agent.slots.items():
        spoken = [v for v in values if f" {' '.join(_WORD.findall(v.lower()))} " in text]
        if spoken:
            found[name] = max(spoken, key=len)
    return found


def _common(words: tuple[str, ...], agent: Agent) -> Understanding:
    slots = _slots(words, agent)
    if words and words[0] in _QUESTION:
        return Understanding(intent="question", kind="question", slots=slots)
    for kind, answer, known in _COMMON:
        if known & set(words):
            given = {"answer": answer} if answer else {}
            return Understanding(intent=kind, kind=kind, slots={**slots, **given})
    return Understanding(intent="unknown", kind="unknown", slots=slots)
