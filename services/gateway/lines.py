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
        self._none = asyncio.Event()
        self._none.set()

    def __contains__(self, call: CallId) -> bool:
        return call in self._lines

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Line]:
        return iter(list(self._lines.values()))

    def add(self, line: Line) -> None:
        """The line is up."""
        self._lines[line.call] = line
        self._none.clear()

    def remove(self, line: Line) -> None:
        """All of it is written."""
        del self._lines[line.call]
        if not self._lines:
            self._none.set()

    async def end_all(self, reason: EndReason) -> None:
        """End every line and wait until their last events are written."""
        for line in self:
            line.end(reason)
        await self._none.wait()
