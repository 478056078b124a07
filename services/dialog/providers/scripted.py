"""A model that says what its options say, at once: for load tests and tests.

Options of the agent's `llm`: `text`, the reply, and `delay_ms` before each word (default 0).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from services.dialog.provider import Delta, Prompt, ToolCall, Usage

_TEXT: Final = "That is noted. Is there anything else?"


class Scripted:
    """services.dialog.provider.LanguageModel without a model."""

    name = "scripted"

    async def write(self, prompt: Prompt) -> AsyncIterator[Delta | ToolCall | Usage]:
        """The same text for every prompt."""
        options = prompt.agent.llm.options
        delay_s = float(options.get("delay_ms", 0)) / 1000
        for word in str(options.get("text", _TEXT)).split(" "):
            if delay_s:
                await asyncio.sleep(delay_s)
            yield Delta(f"{word} ")

    async def close(self) -> None:
        """Holds nothing."""
