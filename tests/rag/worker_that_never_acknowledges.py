"""A worker of its own process that answers and then, as if it died there, never acknowledges."""

import asyncio
import sys
from pathlib import Path

from contracts.ids import CallId, HostId, TenantId
from contracts.journal import Appended
from contracts.recorded import Message
from contracts.streams import Family
from infra.journal import NatsJournal
from infra.nats import connect
from services.rag.app import Settings, serve
from services.rag.embed import Bm25
from services.rag.stores.qdrant import open_folder


class Hanging(NatsJournal):
    """Stores the answer; what comes after never does."""

    async def append(
        self,
        tenant: TenantId,
        call: CallId,
        family: Family,
        message: Message,
        *,
        id: str,
        after: int | None = None,
    ) -> Appended:
        await super().append(tenant, call, family, message, id=id, after=after)
        await asyncio.Event().wait()
        raise AssertionError


async def main(url: str, folder: str) -> None:
    bus = await connect(url, name="hanging")
    store = await open_folder(Path(folder), Bm25())
    settings = Settings(redeliver_s=1.0)
    host = HostId("rag-hanging")
    async with serve(bus, url, store, Hanging(bus), host=host, settings=settings):
        print("ready", flush=True)
        await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
