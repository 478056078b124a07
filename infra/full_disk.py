"""A disk that was full.

A nats-server that met a full disk takes no event for that stream until it is started again, however
much room there is by then. So it is started again, as soon as there is some.
"""

import asyncio
import logging
import shutil
from typing import Final

from infra.children import NotReady
from infra.nats_server import NatsServer
from infra.nats_system import ask_health

_log: Final = logging.getLogger("partyline.nats")
_LOOK_S: Final = 3.0
_ROOM_BYTES: Final = 16 * 1024 * 1024
_WRITE_ERROR: Final = "write error"  # in the server's own words


async def watch_disk(server: NatsServer) -> None:
    """Look after one server until cancelled."""
    told = False
    while True:
        await asyncio.sleep(_LOOK_S)
        if not await _cannot_write(server):
            told = False
        elif shutil.disk_usage(server.store).free >= _ROOM_BYTES:
            _log.warning("there is room again in %s: NATS is started anew", server.store)
            await server.stop()  # whoever keeps it running starts it again
        elif not told:
            told = True
            _log.error("the disk is full: events wait until there is room in %s", server.store)


async def _cannot_write(server: NatsServer) -> bool:
    try:
        return _WRITE_ERROR in (await ask_health(server.system_url)).error
    except NotReady:
        return False
