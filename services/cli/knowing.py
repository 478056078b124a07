"""What a `rag` process finds passages with: its store, and its embedding if there is one."""

from pathlib import Path

from infra.outside import Offered
from services.cli.settings import BadSetting, Settings
from services.rag.provider import Embedding, EmbeddingFailed
from services.rag.providers import OFFERED
from services.rag.store import Store


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
    from services.rag.embed import Bm25
    from services.rag.stores.qdrant import connect_server, open_folder

    least = settings.embedding_least
    if qdrant.startswith(("http://", "https://")):
        key = settings.qdrant_api_key or None
        return await connect_server(qdrant, Bm25(), space, api_key=key, least=least)
    return await open_folder(Path(qdrant), Bm25(), space, least=least)
