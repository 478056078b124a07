"""An outside stream read by a task of its own, so that leaving it never means waiting for it.

A vendor that stalls may also stall while its connection is closed: who has given it up and goes on
to another must not wait for that.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, Generic, TypeVar

Piece = TypeVar("Piece")
_reading: Final[set[asyncio.Task[None]]] = set()  # the loop itself holds tasks only weakly


class Apart(Generic[Piece]):
    """The stream's pieces as they come. Whoever makes one calls `leave` in the end."""

    def __init__(self, pieces: AsyncGenerator[Piece]) -> None:
        self.came: Final = asyncio.Event()  # something is there: a piece, a failure, the end
        self._pieces: deque[Piece] = deque()
        self._failure: Exception | None = None
        self._over = False
        self._task = asyncio.create_task(self._read(pieces))
        _reading.add(self._task)
        self._task.add_done_callback(_reading.discard)

    @property
    def failure(self) -> Exception | None:
        """What it failed of, when that is all that is left to tell."""
        return None if self._pieces else self._failure

    async def next(self, within_s: float) -> Piece | None:
        """The next piece; None: that was all.

        Raises: TimeoutError when it takes longer; what the stream raised.
        """
        async with asyncio.timeout(within_s):
            await self.came.wait()
        if self._pieces:
            piece = self._pieces.popleft()
            if not self._pieces and not self._over:
                self.came.clear()
            return piece
        if self._failure is not None:
            raise self._failure
        return None

    def leave(self) -> None:
        """Close the stream, if it is still open. Does not wait."""
        self._task.cancel()

    async def _read(self, pieces: AsyncGenerator[Piece]) -> None:
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    self._pieces.append(piece)
                    self.came.set()
        except Exception as failure:  # it is for the reader
            self._failure = failure
        finally:
            self._over = True
            self.came.set()
