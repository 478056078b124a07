"""The servers below all processes: killed, and waited for until they serve again.

The embedded stack starts them again by itself.
"""

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Final

from nats.js.errors import APIError

from contracts.streams import CALLS
from infra.cancelling import stop_if_cancelled
from infra.nats import Bus
from infra.postgres import AWAY as POSTGRES_AWAY
from infra.postgres import connect_pool
from infra.settling import AWAY as NATS_AWAY
from projections.run import caught_up

_LOOK_S: Final = 0.05
_SILENT_S: Final = 0.15  # a server that takes longer to answer is asked again
_BACK_WITHIN_S: Final = 30.0
_ALONE: Final = "partyline"  # how a server that is one alone is called


async def log_leader(bus: Bus) -> str:
    """Who leads the log, by its name among the servers, as soon as one does: it alone answers.

    Raises: TimeoutError when nobody does for long.
    """
    async with asyncio.timeout(_BACK_WITHIN_S):
        while True:
            stop_if_cancelled()
            with contextlib.suppress(*NATS_AWAY, APIError):
                if leader := await _leader(bus):
                    return leader
            await asyncio.sleep(_LOOK_S)


async def _leader(bus: Bus) -> str:
    async with asyncio.timeout(_SILENT_S):
        info = await bus.js.stream_info(CALLS.name)
    return (info.cluster.leader or "") if info.cluster else _ALONE


async def tables_hold(dsn: str, sequence: int) -> None:
    """Wait until the tables have all that is stored up to `sequence`.

    Raises: TimeoutError, PostgresUnavailable.
    """
    async with asyncio.timeout(_BACK_WITHIN_S):
        while True:
            pool = await connect_pool(dsn, wait_s=_BACK_WITHIN_S, size=1)  # no older connection
            try:
                return await caught_up(pool, sequence)
            except POSTGRES_AWAY:
                await asyncio.sleep(_LOOK_S)
            finally:
                await pool.close()


def kill_server(data: Path, name: str) -> int:
    """SIGKILL for `nats`, `nats-2` or `postgres` of the stack on `data`: its pid."""
    pid = int((data / "run" / f"{name}.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    return pid


def server_pid(data: Path, name: str) -> int:
    """Of the process that runs now, or ran last."""
    return int((data / "run" / f"{name}.pid").read_text())
