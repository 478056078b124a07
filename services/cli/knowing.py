"""The role `rag`, and what it finds passages with: its store, and an embedding if there is one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from contracts.ids import new_host_id
from infra.journal import NatsJournal
from infra.nats import Bus
from infra.outside import Offered
from services.cli.places import Places
from services.cli.settings import BadSetting, Settings
from services.rag.app import Settings as RagSettings
from services.rag.app import serve
from services.rag.embed import Bm25
from services.rag.provider import Embedding, EmbeddingFailed
from services.rag.providers import OFFERED
from services.rag.store import Store
from services.rag.stores.qdrant import connect_server, open_folder


@asynccontextmanager
async def knowing(
    bus: Bus, journal: NatsJournal, places: Places, settings: Settings
) -> AsyncIterator[None]:
    """Take in documents and answer questions while the context lasts.

    Raises: BadSetting, StoreLocked, StoreFailed.
    """
    async with AsyncExitStack() as stack:
        embedding = embedding_of(settings)
        if embedding:
            stack.push_async_callback(embedding.close)
        store = await open_store(places.qdrant, settings, embedding.space if embedding else "")
        stack.push_async_callback(store.close)
        await stack.enter_async_context(
            serve(
                *(bus, places.nats, store, journal, embedding),
                host=new_host_id("rag"),
                codec=journal.codec,
                settings=RagSettings(embedding_ms=settings.embedding_ms),
            )
        )
        yield


def embedding_of(settings: Settings) -> Embedding | None:
    """The embedding that was chosen, the caller's to close; None: words alone are searched.

    Raises: BadSetting when it can't be used.
    """
    name = settings.embedding
    if name == "none":
        return None
    offered = Offered(OFFERED, settings.provider_keys())
    try:
        return offered[name]
    except KeyError:
        raise BadSetting(f"PARTYLINE_EMBEDDING={name}: {offered.lacking[name]}") from None
    except EmbeddingFailed as failed:
        raise BadSetting(f"PARTYLINE_EMBEDDING={name}: {failed.kind}") from None


async def open_store(qdrant: str, settings: Settings, space: str) -> Store:
    """The store at an address or in a folder, for vectors of this space; the caller closes it.

    Raises: StoreLocked, StoreFailed.
    """
    least = settings.embedding_least
    if qdrant.startswith(("http://", "https://")):
        key = settings.qdrant_api_key or None
        return await connect_server(qdrant, Bm25(), space, api_key=key, least=least)
    return await open_folder(Path(qdrant), Bm25(), space, least=least)
