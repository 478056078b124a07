"""The log of a run, read once it is over, with the stack's own keys."""

from contracts.codec import Codec
from contracts.recorded import Recorded
from infra.embedded import Addresses
from infra.master_key import NAME, read_master_key
from infra.nats import connect
from infra.vault import Vault
from loadtest.load.moments import Turns
from projections.reading import extent, reading


async def position(addresses: Addresses) -> int:
    """The newest message's stream sequence."""
    bus = await connect(addresses.nats_url, name="load")
    try:
        return (await extent(bus)).last
    finally:
        await bus.close()


async def turns_after(addresses: Addresses, after: int) -> Turns:
    """The turns of all calls that began behind the stream sequence `after`."""
    turns = Turns()
    bus = await connect(addresses.nats_url, name="load")
    try:
        codec = Codec(Vault(bus, read_master_key(addresses.data / NAME)))
        last = (await extent(bus)).last
        async with reading(bus, codec, after=after) as reader:
            while after < last:
                batch = await reader.batch()
                after = batch.last
                for stored in batch.messages:
                    if isinstance(stored, Recorded):
                        turns.add(stored)
    finally:
        await bus.close()
    return turns
