"""A model whose replies are told to telemetry: how long they take and what they cost."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from infra.telemetry import use
from services.dialog.provider import Delta, LanguageModel, Prompt, ToolCall, Usage
from services.dialog.writing import closable


class TimedModel:
    """services.dialog.provider.LanguageModel, as the one within."""

    def __init__(self, within: LanguageModel) -> None:
        self._within = within
        self.name, self.capabilities = within.name, within.capabilities

    async def write(self, prompt: Prompt) -> AsyncGenerator[Delta | ToolCall | Usage]:
        """See LanguageModel.write."""
        with use("chat", self.name, prompt.agent.llm.model) as timed:
            async with aclosing(closable(self._within.write(prompt))) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Usage):
                        timed.tokens(piece.tokens_in, piece.tokens_out)
                    else:
                        timed.result()
                    yield piece

    async def close(self) -> None:
        """Let go of its connections."""
        await self._within.close()
