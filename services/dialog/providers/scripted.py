"""A model that says what its options say, at once: for load tests and tests.

Options of the agent's `llm`: `text`, the reply, in which `{said}` stands for the caller's newest
words; and `delay_ms` before each word (default 0).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from services.call.phrases import fill
from services.dialog.provider import Capabilities, Delta, Prompt, ToolCall, Usage

_TEXT: Final = "That is noted. Is there anything else?"


class Scripted:
    """services.dialog.provider.LanguageModel without a model."""

    name = "scripted"
    capabilities = Capabilities(streaming=True, tools=True, usage=True)

    async def write(self, prompt: Prompt) -> AsyncIterator[Delta | ToolCall | Usage]:
        """The same text for every prompt, but for the caller's words."""
        options = prompt.agent.llm.options
        delay_s = float(options.get("delay_ms", 0)) / 1000
        text = fill(str(options.get("text", _TEXT)), {"said": _said(prompt)})
        for word in text.split(" "):
            if delay_s:
                await asyncio.sleep(delay_s)
            yield Delta(f"{word} ")

    async def close(self) -> None:
        """Holds nothing."""


def _said(prompt: Prompt) -> str:
    """The caller's newest words."""
    return next((spoken.text for spoken in reversed(prompt.history) if spoken.by == "caller"), "")
