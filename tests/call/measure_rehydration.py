"""How long a successor reads before it goes on with a call, and how fast calls are verified.

python tests/call/measure_rehydration.py [--json FILE] [--events 300 10000 100000] [--calls 300]

Every length is rehydrated by a process of its own, on a real log; memory is what that process grew.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvloop
from memory_log import TENANT, family_of
from scenes import (
    AGENT,
    NOW,
    REF,
    AnyFact,
    answered,
    found,
    hung_up,
    model_done,
    passage,
    played,
    rang,
    said,
    wrote,
)

from contracts.codec import Codec
from contracts.dialog import InnerFact
from contracts.ids import CallId, HostId, TenantId, new_call_id
from contracts.journal import Appended
from contracts.recorded import FactCause, Message, Recorded
from contracts.streams import CALLS, Family, call_subject
from infra.agents import Agents
from infra.chain import Breakers
from infra.embedded import embedded
from infra.journal import NatsJournal
from infra.nats import Bus, connect, create_streams
from infra.postgres import connect_pool
from projections.run import caught_up, run
from services.call.actor import Actor, dialog_events
from services.call.evolve import fold
from services.call.state import Unopened, state_hash
from services.cli.verifying import verify_log
from services.dialog.doing import Outside
from services.dialog.on_fact import HostedCall

TURNS_A_CALL = 8


class Written:
    """contracts.journal.Journal that keeps the bytes of a whole log, to be published at once."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.events = 0

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
        payload = Codec().encode(call, message)
        self.messages.append((call_subject(tenant, call, family), payload))
        self.events += len(message.events)
        return Appended(len(self.messages), False, payload)

    async def read(
        self,
        tenant: TenantId,
        call: CallId,
        family: Family | None = None,
        *,
        after: int = 0,
        left_out: Callable[[int], None] | None = None,
    ) -> AsyncIterator[Recorded]:
        for nothing in ():
            yield nothing

    async def publish(self, bus: Bus) -> None:
        for subject, payload in self.messages[:-1]:
            await bus.nc.publish(subject, payload)
        last = await bus.js.publish(*self.messages[-1], timeout=120)
        assert last.seq == len(self.messages)


class Caller:
    """Asks the same question again and again."""

    def __init__(self, journal: Written, call: CallId) -> None:
        self._journal, self._call, self._facts = journal, call, 0
        self._actor = Actor(journal, TENANT, call, AGENT, HostId("dialog-1"))

    async def ring(self) -> None:
        await self._actor.claim(NOW)
        await self._tell(rang(), answered(), played(1))

    async def ask(self, turn: int) -> None:
        reply = turn + 1
        await self._tell(said("when are you open", turn), found(turn, passage()))
        await self._tell(wrote(reply, "We are open from nine to five."), model_done(reply))
        await self._tell(played(reply))

    async def hang_up(self) -> None:
        await self._tell(hung_up())

    async def _tell(self, *facts: AnyFact) -> None:
        for fact in facts:
            if isinstance(fact, InnerFact):
                await self._actor.take(fact)
                continue
            self._facts += 1
            message = Message(by=f"outside-{self._facts}", events=(fact,))
            at = await self._journal.append(TENANT, self._call, family_of(fact), message, id="")
            recorded = Recorded(
                tenant=TENANT,
                call=self._call,
                family=family_of(fact),
                sequence=at.sequence,
                stored_ms=float(NOW),
                message=message,
                payload=at.payload,
            )
            self._actor.saw(recorded)
            await self._actor.take(fact, FactCause(sequence=at.sequence))


class _GoesOn(Exception):
    pass


class Measured(HostedCall):
    """Stops where it would take up its first duty."""

    async def _recall_passages(self) -> None:
        self.recalled_s = await _timed(super()._recall_passages())

    async def _unseen(self) -> int:
        began_s = time.perf_counter()
        after = await super()._unseen()
        self.unseen_s = time.perf_counter() - began_s
        return after

    async def _do_duty(self) -> None:
        raise _GoesOn


async def rehydrate(url: str, call: CallId) -> dict[str, Any]:
    """In a process of its own: own the call, and read all that is read before it goes on."""
    bus = await connect(url, name="successor")
    journal = NatsJournal(bus)
    actor = Actor(journal, TENANT, call, AGENT, HostId("dialog-2"))
    before_mib, began_s = _peak_mib(), time.perf_counter()
    claim_s = await _timed(actor.claim())
    hosted = Measured(actor, Outside(bus, journal, {}, None, Breakers()), asyncio.Event())  # type: ignore[arg-type]
    try:
        await hosted.run()
    except _GoesOn:
        total_s = time.perf_counter() - began_s
    figures = {
        "total_s": total_s,
        "claim_s": claim_s,
        "recall_passages_s": hosted.recalled_s,
        "unseen_s": hosted.unseen_s,
        "grew_mib": _peak_mib() - before_mib,
        "process_mib": _peak_mib(),
    }
    figures |= await _where_a_claim_goes(journal, call)
    await bus.close()
    return figures


async def _where_a_claim_goes(journal: NatsJournal, call: CallId) -> dict[str, float]:
    began_s = time.perf_counter()
    decisions = [r async for r in journal.read(TENANT, call, "dialog")]
    read_s = time.perf_counter() - began_s
    began_s = time.perf_counter()
    state = fold(event for each in decisions for event in dialog_events(each.message))
    fold_s = time.perf_counter() - began_s
    began_s = time.perf_counter()
    state_hash(state)
    return {
        "of_claim_read_s": read_s,
        "of_claim_fold_s": fold_s,
        "of_claim_state_hash_s": time.perf_counter() - began_s,
        "decisions": len(decisions),
    }


async def _timed(work: Any) -> float:
    began_s = time.perf_counter()
    await work
    return time.perf_counter() - began_s


def _peak_mib() -> float:
    """The most this process ever held."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def long_call(events: int) -> tuple[Written, CallId]:
    journal, call = Written(), new_call_id()
    caller = Caller(journal, call)
    await caller.ring()
    turn = 0
    # Each decision hashes the whole conversation: at 100,000 events that alone takes minutes.
    with patch("services.call.actor.state_hash", return_value=state_hash(Unopened())):
        while journal.events < events:
            turn += 1
            await caller.ask(turn)
    return journal, call


async def measure_length(folder: Path, events: int) -> dict[str, Any]:
    began_s = time.perf_counter()
    journal, call = await long_call(events)
    made_s = time.perf_counter() - began_s
    async with embedded(folder) as addresses:
        bus = await connect(addresses.nats_url, name="measure")
        await create_streams(bus)
        await journal.publish(bus)
        await bus.close()
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, __file__, "--rehydrate", addresses.nats_url, call),
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await child.communicate()
    figures: dict[str, Any] = json.loads(told)
    messages = len(journal.messages)
    return {"events": journal.events, "messages": messages, "lived_s": made_s, **figures}


async def measure_verifying(folder: Path, calls: int) -> dict[str, Any]:
    journal = Written()
    for _ in range(calls):
        caller = Caller(journal, new_call_id())
        await caller.ring()
        for turn in range(1, TURNS_A_CALL + 1):
            await caller.ask(turn)
        await caller.hang_up()
    async with embedded(folder) as addresses:
        bus = await connect(addresses.nats_url, name="measure")
        pool = await connect_pool(addresses.postgres_dsn)
        await create_streams(bus)
        agents = Agents(bus)
        while (await agents.publish(TENANT, AGENT)) != REF:
            older = {"title": f"{time.perf_counter()}"}
            await agents.publish(TENANT, _with(AGENT, older))
        await journal.publish(bus)
        await _projected(bus, pool)
        log = await verify_log(bus, NatsJournal(bus), agents, None, TENANT)
        both = await verify_log(bus, NatsJournal(bus), agents, pool, TENANT)
        await pool.close()
        await bus.close()
    assert log.whole, log
    assert both.whole, both
    return {
        "calls": calls,
        "events": both.events,
        "messages": both.messages,
        "rows": both.rows,
        "log_s": log.took_s,
        "log_calls_per_s": calls / log.took_s,
        "log_events_per_s": log.events / log.took_s,
        "with_tables_s": both.took_s,
        "with_tables_calls_per_s": calls / both.took_s,
        "with_tables_events_per_s": both.events / both.took_s,
        "process_mib": _peak_mib(),
    }


def _with(agent: Any, changes: dict[str, Any]) -> Any:
    from msgspec.structs import replace

    return replace(agent, **changes)


async def _projected(bus: Bus, pool: Any) -> None:
    stop = asyncio.Event()
    projecting = asyncio.create_task(run(bus, pool, stop=stop))
    last = (await bus.js.stream_info(CALLS.name)).state.last_seq
    await caught_up(pool, last, within_s=300)
    stop.set()
    await projecting


async def measure(options: argparse.Namespace) -> None:
    figures: dict[str, Any] = {"rehydration": []}
    with tempfile.TemporaryDirectory(prefix="partyline-measure-") as folder:
        if options.calls:
            figures["verify"] = await measure_verifying(Path(folder) / "verify", options.calls)
            print(json.dumps(figures["verify"], indent=1))
        for events in options.events:
            figures["rehydration"].append(await measure_length(Path(folder) / str(events), events))
            print(json.dumps(figures["rehydration"][-1], indent=1), flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--events", type=int, nargs="*", default=[300, 10_000, 100_000])
    arguments.add_argument("--calls", type=int, default=300)
    arguments.add_argument("--rehydrate", nargs=2, metavar=("URL", "CALL"))
    given = arguments.parse_args()
    if given.rehydrate:
        url, call = given.rehydrate
        print(json.dumps(uvloop.run(rehydrate(url, CallId(call)))))
    else:
        uvloop.run(measure(given))
