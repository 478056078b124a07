"""The embedded model: no key, no weights. Intents become tools, passages become answers."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import snowballstemmer

from contracts.agent import Agent, Tool
from contracts.passages import Passage
from services.call.phrases import fill
from services.call.sentences import split
from services.dialog.provider import Capabilities, Delta, Prompt, ToolCall, Usage

_WORD: Final = re.compile(r"[\w']+")
_EMPTY: Final = frozenset(
    "a about am an and are at be can could do does for from have how i in is it me my of on or "
    "please should so some tell that the there this to us was we what when where which who will "
    "with would you your".split()
)
_CLEAR: Final = 2  # words of the question a single sentence must hold to be the whole answer
_SPOKEN: Final = 6  # sentences of a passage read out at most
_stem: Final = snowballstemmer.stemmer("english").stemWord


class Rules:
    """services.dialog.provider.LanguageModel by rules alone."""

    name = "rules"
    capabilities = Capabilities(streaming=True, tools=True, usage=True)

    async def write(self, prompt: Prompt) -> AsyncIterator[Delta | ToolCall | Usage]:
        """A tool call for an action, the best of the passages for a question, else a phrase."""
        tool = _tool(prompt)
        if tool is None or prompt.history[-1].by == "tool":
            for sentence in _answer(prompt):
                yield Delta(f"{sentence} ")
            return
        missing = _missing(tool, prompt.slots)
        if missing:
            yield Delta(missing)
        else:
            yield ToolCall(name=tool.name, arguments=_arguments(tool, prompt.slots))

    async def close(self) -> None:
        """Holds nothing."""


def _tool(prompt: Prompt) -> Tool | None:
    name = next((i.tool for i in prompt.agent.intents if i.name == prompt.intent), "")
    return next((tool for tool in prompt.agent.tools if tool.name == name), None)


def _properties(tool: Tool) -> Mapping[str, Any]:
    properties = tool.parameters.get("properties", {})
    return properties if isinstance(properties, dict) else {}


def _missing(tool: Tool, slots: Mapping[str, str]) -> str | None:
    """The question for the first required argument the caller has not given."""
    for name in tool.parameters.get("required", ()):
        if name not in slots:
            return str(_properties(tool).get(name, {}).get("ask", f"Which {name}, please?"))
    return None


def _arguments(tool: Tool, slots: Mapping[str, str]) -> dict[str, Any]:
    return {name: slots[name] for name in _properties(tool) if name in slots}


def _answer(prompt: Prompt) -> list[str]:
    phrases = prompt.agent.phrases
    if prompt.kind == "hello":
        return _phrase(phrases.greeting, prompt)
    if prompt.kind == "action" or prompt.history[-1].by == "tool":
        return _phrase(phrases.unknown, prompt)
    question = _stems(prompt.history[-1].text)
    for passage in prompt.passages:
        found = _from_passage(passage, question, prompt.language)
        if found:
            return found
    return _phrase(phrases.unknown, prompt)


def _from_passage(passage: Passage, question: frozenset[str], language: str) -> list[str]:
    """The one sentence that clearly answers, else the passage from its start."""
    sentences = split(passage.text, language)
    if not sentences or not question & _stems(f"{passage.title} {passage.text}"):
        return []
    shared = [len(question & _stems(sentence)) for sentence in sentences]
    best = max(shared)
    if best >= _CLEAR and shared.count(best) == 1:
        return [sentences[shared.index(best)]]
    return sentences[:_SPOKEN]


def _stems(text: str) -> frozenset[str]:
    words = _WORD.findall(text.lower())
    return frozenset(_stem(word) for word in words if word not in _EMPTY)


def _phrase(template: str, prompt: Prompt) -> list[str]:
    return split(fill(template, prompt.variables, _defaults(prompt.agent)), prompt.language)


def _defaults(agent: Agent) -> Mapping[str, str]:
    return agent.variables
