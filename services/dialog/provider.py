"""The port to language models."""

from collections.abc import AsyncIterator
from typing import Any, Literal, Protocol

import msgspec

from contracts.agent import Agent
from contracts.passages import Passage
from infra.outside import OutsideFailed


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the conversation as the model may see it."""

    by: Literal["caller", "agent", "tool"]
    text: str  # the agent's: only what the caller heard; a tool's: its result as JSON
    tool: str = ""  # by 'tool': its name
    invocation: str = ""  # by 'tool': id of this use
    arguments: dict[str, Any] = {}  # by 'tool': what it was called with


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """All a model may know to write one reply."""

    agent: Agent
    system: str  # the agent's prompt with variables, phase and passages filled in
    history: tuple[Spoken, ...]  # oldest first; the last is what is answered
    intent: str  # name of the intent found, 'unknown' when none fits
    kind: str  # hello, goodbye, confirm, question, action, unknown
    slots: dict[str, str]
    passages: tuple[Passage, ...]  # best first
    variables: dict[str, str]
    language: str  # BCP 47
    begun: str = ""  # of this very reply, what was written before: a model that can goes on from it


class Delta(msgspec.Struct, frozen=True):
    """More text of the reply."""

    text: str


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """The model asks for a tool, its arguments complete."""

    name: str
    arguments: dict[str, Any]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What the reply cost, sent last where the provider tells."""

    tokens_in: int
    tokens_out: int
    cut: bool = False  # it came to its limit of tokens: its last sentence is not whole


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a model can do; the service decides by these, never by a vendor's name."""

    streaming: bool  # gives text before the reply is done
    tools: bool  # asks for tools
    usage: bool = False  # tells what a reply cost
    prefill: bool = False  # goes on from `Prompt.begun`; else it begins again
    languages: tuple[str, ...] = ()  # ISO 639-1; empty: many


class ModelError(OutsideFailed):
    """A model failed.

    Besides the shared kinds: interrupted (it reports an error amid the reply), filtered (its
    vendor withholds the reply), length (its limit of tokens left no room for a word, or for a
    tool's arguments), tool_arguments and tool_use_failed (it asked for a tool in a broken form).
    """


class LanguageModel(Protocol):
    """A model for many calls."""

    name: str
    capabilities: Capabilities

    def write(self, prompt: Prompt) -> AsyncIterator[Delta | ToolCall | Usage]:
        """The reply as it is written. Closing the iterator early stops the model.

        Raises: ModelError; retryable when the same call may succeed later.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
