"""The lines a gateway holds just now."""

import asyncio
from collections.abc import Iterator

from contracts.ids import CallId
from contracts.line import EndReason
from services.gateway.line import Line


class Lines:
    """One line a call, from its answer until its last event is written."""

    def __init__(self) -> None:
        self._lines: dict[CallId, Line] = {}
        self._one_left = asyncio.Event()

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Line]:
        return iter(list(self._lines.values()))

    def find(self, call: CallId) -> Line | None:
        """The call's line, while this gateway has it."""
        return self._lines.get(call)

    def add(self, line: Line) -> None:
        """The line is up."""
        self._lines[line.call] = line

    def remove(self, line: Line) -> None:
        """All of it is written."""
        del self._lines[line.call]
        self._one_left.set()

    async def gone(self, call: CallId | None = None) -> None:
        """Wait until the call's line is written to its end; None: all lines."""
        while (call in self._lines) if call else self._lines:
            self._one_left.clear()
            await self._one_left.wait()

    async def end_all(self, reason: EndReason) -> None:
        """End every line and wait until their last events are written."""
        for line in self:
            line.end(reason)
        await self.gone()
