"""A log of calls to be archived, on a NATS server of its own."""

import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from eventually import eventually_async

from contracts import dialog, line
from contracts.agent import Agent, Phrases
from contracts.codec import Codec
from contracts.event import AgentRef
from contracts.ids import AgentId, CallId, HostId, TenantId, new_call_id
from contracts.recorded import CallEvent, Fact, FactCause, Message, Recorded
from contracts.streams import CALLS, CANARY, Family, call_subject
from infra.agents import Agents
from infra.archive import Archive, open_archive
from infra.archive.outcome import Outcome
from infra.archive.run import archive_calls
from infra.call_log import CallLog
from infra.data_folder import make_folders
from infra.journal import NatsJournal
from infra.nats import Bus, connect, create_streams
from infra.nats_server import NatsServer
from services.call.actor import Actor

TENANT = TenantId("practice")
AGENT = Agent(name="receptionist", phrases=Phrases(greeting="Hello."))
DAY_MS = 86_400_000.0


class Killed(Exception):
    """Where a test ends an archiver."""


class House:
    """A log with calls in it. Its own clock stands forty days ahead, so that they are old."""

    def __init__(self, bus: Bus, server: NatsServer | None = None) -> None:
        self.bus, self._server = bus, server
        self.url = server.url if server else ""
        self.journal, self.agents = NatsJournal(bus), Agents(bus)
        self.now_ms = time.time() * 1000 + 40 * DAY_MS

    async def archive(
        self, archive: Archive, *, older_than: float = 30, dry: bool = False
    ) -> Outcome:
        """Run the archiver once, older than so many days."""
        before_ms = self.now_ms - older_than * DAY_MS
        return await archive_calls(
            self.bus, archive, before_ms=before_ms, now_ms=self.now_ms, dry=dry
        )

    async def store(
        self,
        tenant: TenantId,
        call: CallId,
        family: Family,
        *events: CallEvent,
        by: str = "host-1",
    ) -> int:
        """Append one message; its sequence."""
        message = Message(by=by, events=events)
        id = f"{call}:{time.time_ns()}"
        return (await self.journal.append(tenant, call, family, message, id=id)).sequence

    async def ended_call(
        self, tenant: TenantId = TENANT, call: CallId | None = None, messages: int = 5
    ) -> CallId:
        """A call that is over, of at least four messages."""
        call = call or new_call_id()
        ref = AgentRef(agent=AgentId("receptionist"), revision=1)
        rang = line.LineRang(at_ms=1, carrier="loopback", carrier_call="CA1", agent=ref)
        await self.store(tenant, call, "line", rang)
        for n in range(messages - 3):
            digit = line.DigitPressed(at_ms=n, digit="5")
            await self.store(tenant, call, "line", digit)
        over = dialog.CallEnded(at_ms=9, reason="caller_hung_up", phase="start", turns=0)
        await self.store(tenant, call, "dialog", over)
        ended = line.LineEnded(at_ms=9, reason="caller_hung_up")
        await self.store(tenant, call, "line", ended)
        return call

    async def acted_call(self, tenant: TenantId = TENANT) -> CallId:
        """A call that an actor decided, whole enough to be verified."""
        ref = await self.agents.publish(tenant, AGENT)
        call, now_ms = new_call_id(), time.time_ns() // 1_000_000
        actor = Actor(self.journal, tenant, call, AGENT, HostId("dialog-1"))
        await actor.claim()
        facts: list[Fact] = [
            line.LineRang(at_ms=now_ms, carrier="loopback", carrier_call="CA1", agent=ref),
            line.LineAnswered(at_ms=now_ms, stream="MZ1"),
            line.PlaybackFinished(at_ms=now_ms, reply=1),
            line.LineEnded(at_ms=now_ms, reason="caller_hung_up"),
        ]
        for n, fact in enumerate(facts):
            message = Message(by="gateway-1", events=(fact,))
            await self.journal.append(tenant, call, "line", message, id=f"{call}:line:{n}")
            seen = [r async for r in self.journal.read(tenant, call, "line")][-1]
            actor.saw(seen)
            await actor.take(fact, FactCause(sequence=seen.sequence))
        return call

    async def archive_and_die_before_purging(
        self, archive: Archive, *, older_than: float = 30
    ) -> None:
        """What a run leaves that was killed when all was written and nothing let go."""

        async def die(_: object, __: object) -> int:
            raise Killed

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("infra.archive.letting_go.LettingGo.purge", die)
            with pytest.raises(Killed):
                await self.archive(archive, older_than=older_than)

    async def flood(self, call: CallId, count: int, event: CallEvent) -> None:
        """Store many messages of the line, a thousand at once: ADR-50."""
        config = (await self.bus.js.stream_info(CALLS.name)).config
        config.allow_atomic = True
        await self.bus.js.update_stream(config)
        payload = Codec().encode(call, Message(by="host-1", events=(event,)))
        subject = call_subject(TENANT, call, "line")
        for start in range(0, count, 1000):
            batch = {"Nats-Batch-Id": f"{call}-{start}"}
            size = min(1000, count - start)
            for n in range(1, size):
                headers = batch | {"Nats-Batch-Sequence": str(n)}
                await self.bus.nc.publish(subject, payload, headers=headers)
            headers = batch | {"Nats-Batch-Sequence": str(size), "Nats-Batch-Commit": "1"}
            await self.bus.nc.request(subject, payload, timeout=30, headers=headers)
        assert await self.stored() >= count

    async def restart_server(self) -> None:
        """Stop it in order, start it on the same folder, and wait for the connection."""
        assert self._server is not None
        await self._server.stop()
        await self._server.start()

        async def answers() -> bool:
            with contextlib.suppress(Exception):
                return self.bus.connected and await self.stored() >= 0
            return False

        await eventually_async(answers)

    async def hot(self, call: CallId, tenant: TenantId = TENANT) -> list[int]:
        """The sequences the stream still holds of a call."""
        return [each.sequence for each in (await CallLog(self.bus).read(tenant, call)).history]

    async def canary(self) -> None:
        """What is stored while nobody calls."""
        await self.bus.js.publish(CANARY)

    async def holes(self) -> int:
        """Messages that are missing between others."""
        state = (await self.bus.js.stream_info(CALLS.name)).state
        return state.num_deleted or 0

    async def stored(self) -> int:
        """Messages in the stream."""
        return (await self.bus.js.stream_info(CALLS.name)).state.messages


async def read_all(archive: Archive) -> dict[CallId, list[Recorded]]:
    """Every archived call, read segment by segment; a call that comes twice fails."""
    found: dict[CallId, list[Recorded]] = {}
    async for segment in archive.segments():
        async for each in segment.calls():
            assert each.call not in found
            found[each.call] = each.history
    return found


@asynccontextmanager
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A server of its own with the streams."""
    server = NatsServer(make_folders(tmp_path / "log"), "secret")
    await server.start()
    bus = await connect(server.url, name="test")
    await create_streams(bus)
    try:
        yield House(bus, server)
    finally:
        await bus.close()
        await server.stop()


__all__ = ["DAY_MS", "TENANT", "House", "house", "open_archive", "read_all"]
