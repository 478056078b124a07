"""How a rebuild's chunks are cut, given out and read."""

import asyncio
import os

import pytest
from logs import append_calls

from contracts.streams import CALLS
from infra.nats import Bus
from infra.postgres import Pool
from projections import PROJECTIONS
from projections.reading import Extent, LogAway
from projections.rebuild import plan as planning
from projections.rebuild.crew import next_chunk, shared
from projections.rebuild.plan import Chunk
from projections.rebuild.reading_on import ReadingOn
from projections.rebuild.taking import Taking


@pytest.mark.stack
@pytest.mark.parametrize("messages", [40_001, 100_000, 850_123])
async def test_every_core_gets_as_many_chunks(pool: Pool, messages: int) -> None:
    plan = await planning.begun(pool, PROJECTIONS, Extent(1, messages))
    assert len(plan.chunks) % (os.cpu_count() or 1) == 0
    assert max(last - first + 1 for first, last in plan.chunks) <= planning.CHUNK
    assert (plan.chunks[0].first, plan.chunks[-1].last) == (1, messages)


@pytest.mark.stack
async def test_a_short_log_is_one_chunk(pool: Pool) -> None:
    plan = await planning.begun(pool, PROJECTIONS, Extent(1, planning.CHUNK))
    assert plan.chunks == [Chunk(1, planning.CHUNK)]


def test_a_worker_goes_on_where_it_left_off_and_then_takes_the_last_of_another() -> None:
    chunks = [Chunk(n, n) for n in range(5)]
    one, other = shares = shared(chunks, 2)
    assert [list(one), list(other)] == [chunks[:2], chunks[2:]]
    assert [next_chunk(one, shares) for _ in range(3)] == [chunks[0], chunks[1], chunks[4]]
    assert [next_chunk(other, shares) for _ in range(3)] == [chunks[2], chunks[3], None]


@pytest.mark.stack
async def test_what_was_read_behind_a_chunk_is_not_read_again(bus: Bus) -> None:
    _, last = await append_calls(bus, 10)
    reading = ReadingOn(bus)
    half = last // 2
    await reading.begin(Chunk(1, half), last)
    assert await sequences(reading, half + 20) >= list(range(1, half + 21))
    await reading.begin(Chunk(half + 1, last), last)
    assert await sequences(reading, last) == list(range(half + 1, last + 1))
    assert await readers(bus) == 1
    await reading.begin(Chunk(1, half), last)  # another piece: another reader
    assert (await reading.some())[0].sequence == 1
    assert await readers(bus) == 1
    await reading.close()
    assert await readers(bus) == 0


@pytest.mark.stack
async def test_a_delivery_that_is_lost_ends_the_reading(bus: Bus) -> None:
    taking = Taking(bus, "nobody", first=1, last=9)
    for delivery in (1, 3):
        taking.on_raw(
            b"call.a.b.line", b"$JS.ACK.CALLS.nobody.1.%d.%d.5.0" % (2, delivery), b"", b""
        )
    with pytest.raises(LogAway, match="lost"):
        await taking.some()


@pytest.mark.stack
async def test_a_request_that_expires_with_nothing_delivered_is_no_end(bus: Bus) -> None:
    taking = Taking(bus, "nobody", first=1, last=9)
    waiting = asyncio.create_task(taking.some())
    while not waiting.done():
        taking.on_raw(taking.inbox.encode(), b"", b"", b"NATS/1.0 408 Request Timeout\r\n\r\n")
        await asyncio.sleep(0)
    assert waiting.result() == []
    taking.on_raw(b"call.a.b.line", b"$JS.ACK.CALLS.nobody.1.7.1.5.0", b"{}", b"")
    (raw,) = await taking.some()
    assert (raw.name, raw.family, raw.sequence, raw.stored_ns) == (b"call.a.b", "line", 7, 5)


async def sequences(reading: ReadingOn, until: int) -> list[int]:
    found: list[int] = []
    while not found or found[-1] < until:
        found += [raw.sequence for raw in await reading.some()]
    return found


async def readers(bus: Bus) -> int:
    info = await bus.js.consumers_info(CALLS.name)
    return sum(each.config.description == "a rebuild" for each in info)
