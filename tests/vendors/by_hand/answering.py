"""A model without one: it calls tools whose arguments were said, and reads out passages."""

import re
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"[a-z']+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_EMPTY = frozenset(
    "a about an and are at can could do does for how i in is it me of on or should the to what "
    "when where which would you your please sorry stop".split()
)


@dataclass(frozen=True)
class Called:
    """A tool that is to be called."""

    name: str
    arguments: dict[str, Any]


def answer(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> Called | str:
    """What the model says or calls, given the conversation as the vendors take it."""
    last = messages[-1]
    if last["role"] == "user":
        for tool in tools:
            if called := _called(tool["function"], last["content"].lower()):
                return called
    asked = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
    return _from_passages(messages[0]["content"], asked)


def _called(function: dict[str, Any], said: str) -> Called | None:
    """The tool, when all it requires was named: each by one of the words it may be."""
    parameters = function.get("parameters", {})
    arguments = {}
    for name in parameters.get("required", ()):
        choices = parameters["properties"][name].get("enum", ())
        named = [choice for choice in choices if str(choice) in said]
        if not named:
            return None
        arguments[name] = max(named, key=len)
    return Called(function["name"], arguments) if arguments else None


def _from_passages(system: str, asked: str) -> str:
    """The sentence of the prompt's passages that shares most with the question, and the next."""
    wanted = _stems(asked)
    sentences = [
        sentence
        for line in system.splitlines()
        if line.startswith("[")
        for sentence in _SENTENCE.split(line.partition("] ")[2])
    ]
    best = max(sentences, key=lambda sentence: len(wanted & _stems(sentence)), default="")
    if not wanted & _stems(best):
        return "I am afraid I do not know that."
    following = sentences[sentences.index(best) + 1 :][:1]
    return " ".join([best, *following])


def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:5] for word in _WORD.findall(text.lower()) if word not in _EMPTY)


def tokens(text: str) -> list[str]:
    """The pieces in which it is streamed."""
    return re.findall(r"\s*\S+", text)
