"""The role `projections`: the tables follow the log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from contracts.codec import Codec
from infra.beside import beside
from infra.nats import Bus
from infra.postgres import connect_pool
from projections import PROJECTIONS
from projections.canary import send_canaries
from projections.rebuild import Servers
from projections.run import run
from services.cli.archiving import archive_of, archiving
from services.cli.compiling import cache_of
from services.cli.places import Places
from services.cli.pricing import load_configured
from services.cli.settings import Settings


@asynccontextmanager
async def following(
    bus: Bus, codec: Codec, places: Places, settings: Settings
) -> AsyncIterator[None]:
    """Keep the tables up with the log, and archive what is old, while the context lasts.

    Raises: PostgresUnavailable, BadPrices, BadArchivePlace, BadSetting.
    """
    pool = await connect_pool(places.postgres, size=len(PROJECTIONS) + 2)
    try:
        await load_configured(pool, settings)
        tables = run(
            *(bus, pool),
            stop=asyncio.Event(),
            codec=codec,
            servers=servers_of(places, settings),
            archive=archive_of(settings, codec),
            rebuild_older=settings.rebuild,
        )
        async with AsyncExitStack() as going_on:
            await going_on.enter_async_context(beside(tables))
            if settings.canary_s > 0:
                canaries = send_canaries(bus, settings.canary_s)
                await going_on.enter_async_context(beside(canaries))
            if settings.archive:
                await going_on.enter_async_context(archiving(places, settings))
            yield
    finally:
        await pool.close()


def servers_of(places: Places, settings: Settings) -> Servers:
    """What the processes that fill tables connect to."""
    return Servers(
        nats=places.nats,
        postgres=places.postgres,
        master_key=places.master_key,
        archive=settings.archive,
        compiled=str(cache_of(settings)),
    )
