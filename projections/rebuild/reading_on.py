"""Chunk after chunk of the log, without reading twice what lies behind one and in the next."""

from collections.abc import AsyncGenerator

from infra.nats import Bus
from projections.rebuild.plan import Chunk
from projections.rebuild.scanning import scan
from projections.rebuild.taking import Raw


class ReadingOn:
    """Reads a chunk and on behind it. What was read so is kept for the chunk that follows."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._scan: AsyncGenerator[list[Raw]] | None = None
        self._next = 0  # stream sequence: a chunk that begins here needs no other reader
        self._known: list[Raw] = []  # to be given first
        self._behind: list[Raw] = []  # given, and to be given again for the next chunk

    async def begin(self, chunk: Chunk, last: int) -> None:
        """Let the chunk's first message be the next. `last`: nothing behind it is ever wanted."""
        if self._scan is None or self._next != chunk.first:
            await self.close()
            self._scan = scan(self._bus, chunk.first, last)
        self._known, self._behind = self._behind, []
        self._next = chunk.last + 1

    async def some(self) -> list[Raw]:
        """Messages that follow, as many as are here. Raises LogAway."""
        assert self._scan is not None
        piece, self._known = self._known, []
        try:
            piece = piece or await anext(self._scan)
        except BaseException:
            await self.close()
            raise
        if piece and piece[-1].sequence >= self._next:
            self._behind += [raw for raw in piece if raw.sequence >= self._next]
        return piece

    async def close(self) -> None:
        """Let the server forget this reader. The next chunk begins with another."""
        scan, self._scan = self._scan, None
        self._known, self._behind = [], []
        if scan is not None:
            await scan.aclose()
