"""A worker in a process of its own, for tests that kill it, pause it or ask it to stop.

python tts_in_a_process.py NATS_URL SETUP_JSON. Says "ready" and works until SIGTERM.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator

import msgspec
from voices import Reciting

from contracts.dialog import Voice
from contracts.ids import CallId, HostId, TenantId
from contracts.journal import Appended
from contracts.recorded import Message
from contracts.streams import Family
from infra.journal import NatsJournal
from infra.nats import connect
from infra.stopping import until_signalled
from services.tts.app import Settings, serve


class Setup(msgspec.Struct, kw_only=True, frozen=True):
    """What kind of worker."""

    host: str = "tts-process"
    piece_bytes: int = 480
    pause_s: float = 0.0
    falls_silent_after_bytes: int = 0
    tells: bool = False  # says "speaks" whenever it begins to
    acknowledges: bool = True  # false: it hangs once an outcome is stored
    redeliver_s: float = 1.0
    grace_s: float = 5.0


class Telling(Reciting):
    """Says so when it begins to speak."""

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        print("speaks", flush=True)
        return super().speak(text, voice)


class Hanging(NatsJournal):
    """Stores the outcome; what comes after never does."""

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


async def main(url: str, setup: Setup) -> None:
    bus = await connect(url, name=setup.host)
    voice = (Telling if setup.tells else Reciting)(
        setup.piece_bytes,
        pause_s=setup.pause_s,
        falls_silent_after_bytes=setup.falls_silent_after_bytes,
    )
    settings = Settings(redeliver_s=setup.redeliver_s, grace_s=setup.grace_s)
    journal = NatsJournal(bus) if setup.acknowledges else Hanging(bus)
    with until_signalled():
        async with serve(
            bus, url, {"reciting": voice}, journal, host=HostId(setup.host), settings=settings
        ):
            print("ready", flush=True)
            await asyncio.Event().wait()
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], msgspec.json.decode(sys.argv[2], type=Setup)))
