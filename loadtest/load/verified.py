"""After a run: is anything in the log lost, doubled or reordered, and do the tables follow?"""

from msgspec.structs import replace

from contracts.codec import Codec
from infra.embedded import Addresses
from infra.master_key import NAME, read_master_key
from infra.nats import connect
from infra.vault import Vault
from loadtest.chaos.log import judge
from loadtest.load.figures import Figures


async def verified(found: Figures, addresses: Addresses) -> Figures:
    """The figures, with what is wrong. Waits until all calls have ended in the log."""
    bus = await connect(addresses.nats_url, name="load")
    try:
        codec = Codec(Vault(bus, read_master_key(addresses.data / NAME)))
        verdict = await judge(bus, codec, addresses.postgres_dsn, [])
    finally:
        await bus.close()
    return replace(found, log_calls=verdict.calls, log_wrong=tuple(verdict.wrong))
