"""A disk that is full: calls wait or end with a word, and nothing that was acknowledged is lost."""

import asyncio
import logging
from pathlib import Path

import pytest
from eventually import eventually_async
from small_disk import fill, only_where_disks_can_be_mounted, small_disk
from stories import TENANT, question_answered

from contracts.ids import TenantId, new_call_id
from contracts.journal import JournalUnavailable
from contracts.line import DigitPressed
from contracts.recorded import Message
from infra.embedded import embedded
from infra.journal import NatsJournal
from infra.nats import connect, create_streams
from infra.postgres import connect_pool
from projections.run import caught_up, run

PRESSED = Message(by="gateway-1", events=(DigitPressed(at_ms=1, digit="1"),))


async def test_a_log_whose_disk_was_full_takes_events_again_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    only_where_disks_can_be_mounted()
    call, store = new_call_id(), tmp_path / "jetstream"
    with small_disk(store, 32):
        async with embedded(tmp_path) as addresses:
            bus = await connect(addresses.nats_url, name="test")
            await create_streams(bus)
            journal = NatsJournal(bus, patience_s=1.0)

            async def press(number: int) -> int:
                id = f"{call}:{number}"
                return (
                    await journal.append(TenantId("full"), call, "line", PRESSED, id=id)
                ).sequence

            async def press_on(first: int) -> int:
                """Until the log takes no more: the last one it took."""
                for number in range(first, 10_000):
                    try:
                        await press(number)
                    except JournalUnavailable:
                        return number - 1
                raise AssertionError("the disk was never full")

            await press(1)
            filler = fill(store)
            with caplog.at_level(logging.ERROR):
                before = await press_on(2)

            async def is_said() -> bool:
                return "the disk is full" in caplog.text

            await eventually_async(is_said, 20)
            filler.unlink()

            async def is_taken() -> bool:
                try:
                    return await press(10_000) > before
                except JournalUnavailable:
                    return False

            await eventually_async(is_taken, 40)
            stored = [r.sequence async for r in journal.read(TenantId("full"), call)]
            assert stored == list(range(1, before + 2))
            await bus.close()


async def test_tables_whose_disk_was_full_go_on_where_they_stopped_and_park_no_call(
    tmp_path: Path,
) -> None:
    only_where_disks_can_be_mounted()
    async with embedded(tmp_path):
        pass  # the tables' folder is made
    with small_disk(tmp_path / "postgres", 120):
        async with embedded(tmp_path) as addresses:
            bus = await connect(addresses.nats_url, name="test")
            await create_streams(bus)
            pool = await connect_pool(addresses.postgres_dsn, size=8)
            stop = asyncio.Event()
            running = asyncio.create_task(run(bus, pool, stop=stop))
            journal = NatsJournal(bus)

            async def happen() -> int:
                story, last = question_answered(), 0
                for told in story.messages:
                    id = f"{story.call}:{told.sequence}"
                    stored = await journal.append(
                        TENANT, story.call, told.family, told.message, id=id
                    )
                    last = stored.sequence
                return last

            await caught_up(pool, await happen(), within_s=30)
            filler = fill(tmp_path / "postgres")
            last = 0
            for _ in range(60):
                last = await happen()
            with pytest.raises(TimeoutError):
                await caught_up(pool, last, within_s=1)
            filler.unlink()
            await caught_up(pool, last, within_s=40)
            assert await pool.fetchval("SELECT count(*) FROM parked") == 0
            assert await pool.fetchval("SELECT count(*) FROM calls") == 61
            stop.set()
            await running
            await pool.close()
            await bus.close()
