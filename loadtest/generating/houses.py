"""Whom callers reach, and what is said there: one TOML file for each house."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from contracts.agent import Agent, Intent
from contracts.ids import DocumentId
from contracts.passages import Passage
from services.call.phrases import fill, names

_FOLDER: Final = Path(__file__).parent / "houses"


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A passage of the house's knowledge."""

    document: DocumentId
    title: str
    text: str
    chunk: int = 0

    def found(self, score: float) -> Passage:
        """As the knowledge gives it. `score`: higher is nearer."""
        return Passage(
            document=self.document,
            chunk=self.chunk,
            title=self.title,
            text=self.text,
            score=round(score, 3),
        )


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """What the model says to an intent, and the passages it says it from."""

    intent: str
    answers: tuple[tuple[str, ...], ...]  # in sentences
    passages: tuple[Piece, ...] = ()


class House(msgspec.Struct, frozen=True, kw_only=True):
    """An agent, and what is said to it."""

    agent: Agent
    carrier: str
    callers: tuple[str, ...]  # numbers reserved for fiction, with {0} for the digits that differ
    called: str  # the house's own number
    lead_ins: tuple[str, ...]  # what callers say before what they want
    unknown: tuple[str, ...]  # what fits no intent
    nothing: tuple[str, ...]  # questions the knowledge holds nothing about
    topics: tuple[Topic, ...]
    summaries: tuple[str, ...]  # what came of calls
    results: dict[str, tuple[dict[str, Any], ...]]  # of tools, by their names
    outbound: bool = False  # the agent calls

    def topic(self, intent: str) -> Topic | None:
        """What is said to that intent; None: nothing is known of it."""
        return next((topic for topic in self.topics if topic.intent == intent), None)

    def of_kind(self, *kinds: str, tool: str | None = None) -> list[Intent]:
        """The intents of these kinds; with `tool` those that ask for it."""
        asked = [intent for intent in self.agent.intents if intent.kind in kinds]
        return [each for each in asked if tool is None or each.tool == tool]

    def pieces(self) -> list[Piece]:
        """All passages of the knowledge."""
        return [piece for topic in self.topics for piece in topic.passages]

    def number(self, random: Random) -> str:
        """The number of a person who does not exist."""
        template = random.choice(self.callers)
        width = int(template.partition("{0:0")[2].rstrip("}"))
        return template.format(random.randrange(10**width))


@cache
def houses() -> Mapping[str, House]:
    """All houses by their agents' names."""
    found = [_read(file) for file in sorted(_FOLDER.glob("*.toml"))]
    return {house.agent.name: house for house in found}


def spoken(intent: Intent, house: House, random: Random) -> str:
    """One way of saying it, with a value for each slot."""
    phrase = random.choice(intent.phrases)
    slots = {name: random.choice(house.agent.slots[name]) for name in sorted(names(phrase))}
    return random.choice(house.lead_ins) + fill(phrase, slots)


def _read(file: Path) -> House:
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), House)
