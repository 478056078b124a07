"""A worker in a process of its own, for tests that kill it or ask it to stop.

python rag_in_a_process.py NATS_URL FOLDER SETUP_JSON. Says "ready" and works until SIGTERM.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from contracts.ids import CallId, HostId, TenantId
from contracts.journal import Appended
from contracts.passages import Passage
from contracts.recorded import Message
from contracts.streams import Family
from infra.journal import NatsJournal
from infra.nats import connect
from infra.stopping import until_signalled
from services.rag.app import Settings, serve
from services.rag.embed import Bm25
from services.rag.store import Shelf
from services.rag.stores.qdrant import QdrantStore, open_folder


class Setup(msgspec.Struct, kw_only=True, frozen=True):
    """What kind of worker. `hangs`: where it says "there" and then nothing more for ever."""

    hangs: str = ""  # "search", or "acknowledge": once an answer is stored
    redeliver_s: float = 0.5
    grace_s: float = 5.0


async def hang() -> None:
    print("there", flush=True)
    await asyncio.Event().wait()
    raise AssertionError


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
        await hang()
        raise AssertionError


class Searching:
    """A store that never comes to the end of a search."""

    def __init__(self, store: QdrantStore) -> None:
        self.resume, self.advance, self.index = store.resume, store.advance, store.index
        self.withdraw, self.close = store.withdraw, store.close

    async def search(self, shelf: Shelf, *asked: object) -> Sequence[Passage]:
        await hang()
        raise AssertionError


async def main(url: str, folder: str, setup: Setup) -> None:
    bus = await connect(url, name="process")
    store = await open_folder(Path(folder), Bm25())
    knowledge = Searching(store) if setup.hangs == "search" else store
    journal = Hanging(bus) if setup.hangs == "acknowledge" else NatsJournal(bus)
    settings = Settings(redeliver_s=setup.redeliver_s, grace_s=setup.grace_s)
    host = HostId("rag-process")
    with until_signalled():
        async with serve(bus, url, knowledge, journal, host=host, settings=settings):  # type: ignore[arg-type]
            print("ready", flush=True)
            await asyncio.Event().wait()
    await store.close()
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], msgspec.json.decode(sys.argv[3], type=Setup)))
