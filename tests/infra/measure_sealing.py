"""What sealing costs: python tests/infra/measure_sealing.py

Microseconds to make and to read a message's bytes, in the clear and sealed; the bytes added; what
a ring waits for its key, and a process for a key it has not at hand. On a server of its own that
syncs to disk before it acknowledges, as the shipped configuration does.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from timeit import repeat

import uvloop

from contracts.codec import Codec
from contracts.dialog import ModelWrote, SentenceWritten, TurnTaken, Voice
from contracts.event import AgentRef
from contracts.ids import AgentId, DocumentId, TenantId, new_call_id
from contracts.line import LineRang
from contracts.passages import Passage, PassagesFound
from contracts.recorded import Decision, FactCause, FactSeen, Message
from infra.data_folder import make_folders
from infra.journal import NatsJournal
from infra.nats import Bus, connect, create_streams
from infra.nats_server import NatsServer
from infra.sealing import MasterKey
from infra.vault import Vault

TENANT = TenantId("practice")
TIMES = 400
REPLY = "A check-up costs forty-five euros, and most insurances pay for it once a year."
REASON = FactCause(sequence=4_812)
AGENT = AgentRef(agent=AgentId("reception"), revision=3)
RANG = LineRang(
    at_ms=1_780_000_000_000,
    carrier="twilio",
    carrier_call="CA5ef8732a3c49700934481addd5ce1659",
    caller="+4930123456789",
    called="+4930987654321",
    agent=AGENT,
)
PASSAGE = Passage(document=DocumentId("prices"), chunk=2, title="Prices", text=REPLY * 4, score=0.7)


def decided(*events: object, cause: FactCause | ModelWrote = REASON) -> Message:
    seen = (FactSeen(4_812, "fedcba9876543210"),)
    decision = Decision(
        n=9, basis=4_812, cause=cause, prev="ab" * 32, state="2-0123456789abcdef", facts=seen
    )
    return Message(by="dialog-4711-9f2c01aa", events=events, epoch=2, decision=decision)  # type: ignore[arg-type]


MESSAGES = {
    "LineRang": Message(by="gateway-1-a", events=(RANG,)),
    "TurnTaken": decided(
        TurnTaken(
            at_ms=1_780_000_004_210,
            turn=2,
            utterance=2,
            text="what does a check-up cost on tuesday",
            intent="question",
            kind="question",
            slots={"day": "tuesday"},
        )
    ),
    "SentenceWritten": decided(
        SentenceWritten(at_ms=1, reply=2, sentence=0, text=REPLY, voice=Voice()),
        cause=ModelWrote(at_ms=1, reply=2, text=REPLY),
    ),
    "PassagesFound": Message(
        by="rag-1-a",
        events=(PassagesFound(at_ms=1, turn=2, passages=(PASSAGE,) * 3, took_ms=1.2),),
    ),
}


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(make_folders(Path(folder)), "secret")
        await server.start()
        bus = await connect(server.url, name="measure")
        await create_streams(bus)
        try:
            await measure(bus)
        finally:
            await bus.close()
            await server.stop()


async def measure(bus: Bus) -> None:
    master, call, plain = MasterKey(os.urandom(64)), new_call_id(), Codec()
    sealed = Codec(Vault(bus, master))
    await sealed.begin(call)
    print(f"{'message':16} {'bytes':>11} {'encode us':>15} {'decode us':>15}   clear / sealed")
    for name, message in MESSAGES.items():
        clear, closed = plain.encode(call, message), sealed.encode(call, message)
        assert sealed.decode(call, closed) == plain.decode(call, clear) == message
        encode = [us(partial(codec.encode, call, message)) for codec in (plain, sealed)]
        decode = [us(partial(plain.decode, call, clear)), us(partial(sealed.decode, call, closed))]
        print(
            f"{name:16} {len(clear):5d} {len(closed):5d}"
            f" {encode[0]:7.1f} {encode[1]:7.1f} {decode[0]:7.1f} {decode[1]:7.1f}"
        )
    journal = NatsJournal(bus, sealed)

    async def append() -> None:
        ring = new_call_id()
        await NatsJournal(bus).append(TENANT, ring, "line", MESSAGES["LineRang"], id=ring)

    async def ring() -> None:
        ring = new_call_id()
        await sealed.begin(ring)
        await journal.append(TENANT, ring, "line", MESSAGES["LineRang"], id=ring)

    async def miss() -> None:
        await Codec(vault).fetch((call,))
        vault._held.clear()

    vault = Vault(bus, master)
    await vault.fetch((call,))
    print(f"a ring in the clear      {await ms(append)}")
    print(f"a ring with its key      {await ms(ring)}")
    print(f"a key not at hand        {await ms(miss)}")


def us(work: Callable[[], object]) -> float:
    return min(repeat(work, number=2_000, repeat=5)) / 2_000 * 1e6


async def ms(work: Callable[[], Awaitable[None]]) -> str:
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took, n=100)
    return f"p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms"


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
