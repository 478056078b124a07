"""A language model that writes what a test's script says."""

from collections.abc import AsyncIterator, Callable

from services.dialog.provider import Capabilities, Delta, Prompt, ToolCall, Usage

Piece = Delta | ToolCall | Usage
Script = Callable[[Prompt], AsyncIterator[Piece]]


class Told:
    """services.dialog.provider.LanguageModel by script; keeps what it was told."""

    name = "told"
    capabilities = Capabilities(streaming=True, tools=True)

    def __init__(self, script: Script) -> None:
        self._script = script
        self.prompts: list[Prompt] = []

    def write(self, prompt: Prompt) -> AsyncIterator[Piece]:
        self.prompts.append(prompt)
        return self._script(prompt)

    async def close(self) -> None:
        """Holds nothing."""


def calling_the_tool() -> Told:
    """Asks for the tool 'look_up', whatever is said."""

    async def call(prompt: Prompt) -> AsyncIterator[Piece]:
        yield ToolCall(name="look_up", arguments={})

    return Told(call)
