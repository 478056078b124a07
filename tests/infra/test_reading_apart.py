"""A stream that somebody else reads for one."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from infra.apart import Apart


class Stream:
    """Gives its pieces, then waits for ever; its end takes until `may_end`."""

    def __init__(self, *pieces: int) -> None:
        self.pieces = pieces
        self.may_end, self.ending, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def read(self) -> AsyncGenerator[int]:
        try:
            for piece in self.pieces:
                yield piece
            await asyncio.Event().wait()
        finally:
            self.ending.set()
            await self.may_end.wait()
            self.ended.set()


async def test_pieces_come_in_order_and_then_the_end() -> None:
    async def three() -> AsyncGenerator[int]:
        for piece in (1, 2, 3):
            yield piece

    apart = Apart(three())
    assert [await apart.next(5) for _ in range(5)] == [1, 2, 3, None, None]


async def test_what_the_stream_raises_comes_after_the_pieces_before_it() -> None:
    async def broken() -> AsyncGenerator[int]:
        yield 1
        raise ValueError("broken")

    apart = Apart(broken())
    assert await apart.next(5) == 1
    with pytest.raises(ValueError, match="broken"):
        await apart.next(5)
    assert isinstance(apart.failure, ValueError)


async def test_a_piece_that_does_not_come_in_time_is_a_timeout_and_the_stream_goes_on() -> None:
    stream = Stream(1)
    apart = Apart(stream.read())
    assert await apart.next(5) == 1
    with pytest.raises(TimeoutError):
        await apart.next(0.01)
    assert not stream.ending.is_set()
    stream.may_end.set()
    apart.leave()
    await stream.ended.wait()


async def test_leaving_a_stream_that_takes_long_to_close_waits_for_nothing() -> None:
    stream = Stream(1)
    apart = Apart(stream.read())
    await apart.next(5)
    apart.leave()
    await stream.ending.wait()
    assert not stream.ended.is_set()
    stream.may_end.set()
    await stream.ended.wait()
