"""A sealed log with calls in it, its database, and the command line on both."""

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from agents_followed import agents_followed

from contracts import line
from contracts.agent import Agent, Phrases
from contracts.codec import Codec
from contracts.event import AgentRef
from contracts.ids import CallId, HostId, TenantId, new_call_id
from contracts.recorded import Fact, FactCause, Message, Recorded
from contracts.streams import CALLS
from contracts.transcript import TranscriptFinalized
from infra.agents import Agents
from infra.call_log import CallLog
from infra.data_folder import make_folders
from infra.journal import NatsJournal
from infra.master_key import read_master_key
from infra.nats import Bus, connect, create_streams
from infra.nats_server import NatsServer
from infra.postgres import Pool, connect_pool
from infra.vault import Vault
from projections.run import caught_up, run
from services.call.actor import Actor
from services.cli.verifying import Verified, verify_log

TENANT = TenantId("practice")
_OF_ALL = ("doctor", "projections", "rebuild")  # commands that know no tenant
AGENT = Agent(name="receptionist", phrases=Phrases(greeting="Hello {first_name}."))
WORDS, NAME = "my tooth hurts terribly", "Zoë"


class House:
    """Calls of people, as the roles would record them."""

    def __init__(self, folder: Path, bus: Bus, pool: Pool, servers: tuple[str, str]) -> None:
        self.folder, self.bus, self.pool, self._servers = folder, bus, pool, servers
        self.master_key = folder / "master.key"
        self.agents = Agents(bus)
        self.ref: AgentRef | None = None

    def journal(self, *, sealed: bool = True) -> NatsJournal:
        """A process of its own, as far as keys go."""
        master = read_master_key(self.master_key) if sealed else None
        return NatsJournal(self.bus, Codec(Vault(self.bus, master)))

    async def call(
        self, number: str, words: str = WORDS, *, over: bool = True, sealed: bool = True
    ) -> CallId:
        """One that says what hurts, and hangs up when it is to be `over`."""
        self.ref = self.ref or await self.agents.publish(TENANT, AGENT)
        journal, call = self.journal(sealed=sealed), new_call_id()
        await journal.codec.begin(call)
        actor = Actor(journal, TENANT, call, AGENT, HostId("dialog-1"))
        for n, fact in enumerate(_facts(number, words, self.ref, over=over)):
            family, role = ("transcript", "stt") if _heard(fact) else ("line", "gateway")
            message = Message(by=f"{role}-1", events=(fact,))
            await journal.append(TENANT, call, family, message, id=f"{call}:{n}")  # type: ignore[arg-type]
            seen = [r async for r in journal.read(TENANT, call, family)][-1]  # type: ignore[arg-type]
            if n == 0:
                await actor.claim()
            actor.saw(seen)
            await actor.take(fact, FactCause(sequence=seen.sequence))
        return call

    async def project(self) -> None:
        """Bring the tables up to the log."""
        stop = asyncio.Event()
        projecting = asyncio.create_task(
            run(self.bus, self.pool, stop=stop, codec=self.journal().codec)
        )
        await caught_up(self.pool, (await self.bus.js.stream_info(CALLS.name)).state.last_seq)
        await agents_followed(self.bus, self.pool)
        stop.set()
        await projecting

    async def history(self, call: CallId) -> list[Recorded]:
        return (await CallLog(self.bus, self.journal().codec).read(TENANT, call)).history

    async def verified(self) -> Verified:
        return await verify_log(self.bus, self.journal(), self.agents, self.pool, TENANT)

    async def rows_with(self, word: str) -> list[str]:
        """The tables that hold this anywhere."""
        tables = await self.pool.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        found = []
        for table in tables:
            query = f"SELECT count(*) FROM {table['name']} AS t WHERE t::text LIKE '%' || $1 || '%'"
            if await self.pool.fetchval(query, word):
                found.append(table["name"])
        return found

    def on_disk(self, *wanted: bytes) -> list[bytes]:
        """Which of these stand in any file of NATS's store."""
        files = list(self._files())
        return [each for each in wanted if any(each in held for held in files)]

    def _files(self) -> Iterator[bytes]:
        """A stream's files may go while they are looked at."""
        for folder, _, names in os.walk(self.folder / "jetstream"):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    yield (Path(folder) / name).read_bytes()

    async def partyline(
        self, *arguments: str, answer: str | None = None, sealed: bool = True
    ) -> subprocess.CompletedProcess[str]:
        nats, postgres = self._servers
        command = [sys.executable, "-m", "services.cli", *arguments]
        named = ["--nats", nats]
        named += ["--postgres", postgres] if arguments[0] != "replay" else []
        named += ["--tenant", TENANT] if arguments[0] not in _OF_ALL else []
        key = {"PARTYLINE_MASTER_KEY_FILE": str(self.master_key)} if sealed else {}
        return await asyncio.to_thread(
            subprocess.run,
            [*command, *named],
            input=answer,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **key},
        )


@asynccontextmanager
async def sealed_house(folder: Path, postgres_dsn: str) -> AsyncIterator[House]:
    """A server and a master key of the test's own."""
    server = NatsServer(make_folders(folder), "secret")
    await server.start()
    bus, pool = await connect(server.url, name="test"), await connect_pool(postgres_dsn)
    await create_streams(bus)
    house = House(folder, bus, pool, (server.url, postgres_dsn))
    house.master_key.write_text(secrets.token_hex(64))
    house.master_key.chmod(0o600)
    try:
        yield house
    finally:
        await pool.close()
        await bus.close()
        await server.stop()


def _heard(fact: Fact) -> bool:
    return isinstance(fact, TranscriptFinalized)


def _facts(number: str, words: str, ref: AgentRef, *, over: bool) -> list[Fact]:
    now_ms = time.time_ns() // 1_000_000
    facts: list[Fact] = [
        line.LineRang(
            at_ms=now_ms,
            carrier="loopback",
            carrier_call="CA1",
            caller=number,
            agent=ref,
            variables={"first_name": NAME},
        ),
        line.LineAnswered(at_ms=now_ms, stream="MZ1"),
        line.PlaybackFinished(at_ms=now_ms, reply=1),
        TranscriptFinalized(
            at_ms=now_ms, utterance=1, text=words, confidence=0.9, speech_ended_ms=now_ms
        ),
    ]
    return [*facts, line.LineEnded(at_ms=now_ms, reason="caller_hung_up")] if over else facts
