"""A worker whose synthesiser says the first frame of a sentence and then hangs."""

import asyncio
import sys

from voices import Held

from contracts.ids import HostId
from infra.journal import NatsJournal
from infra.nats import connect
from services.tts.app import serve


async def main(url: str) -> None:
    bus = await connect(url, name="doomed")
    async with serve(bus, url, {"tone": Held()}, NatsJournal(bus), host=HostId("tts-doomed")):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
