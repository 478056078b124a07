"""What callers and publishers do on the bus, for tests of the worker that finds passages."""

import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE

import msgspec

from contracts.codec import Codec, encode
from contracts.dialog import PassagesWanted
from contracts.event import AgentRef
from contracts.ids import AgentId, CallId, DocumentId, HostId, TenantId, new_call_id
from contracts.knowledge import DocumentAdded, DocumentWithdrawn, KnowledgeEvent
from contracts.recorded import Message, PassagesEvent, Recorded
from contracts.streams import knowledge_subject, question_subject
from infra.journal import NatsJournal
from infra.live import follow
from infra.nats import Bus
from services.rag.app import Rag, Settings, serve
from services.rag.embed import Bm25
from services.rag.provider import Embedding
from services.rag.store import Store
from services.rag.stores.qdrant import open_folder

EXAMPLE = Path(__file__).parents[2] / "services" / "cli" / "example" / "knowledge"
TENANT, AGENT = TenantId("demo"), AgentId("dentist")


def markdown(document: str, text: str, title: str = "") -> DocumentAdded:
    return DocumentAdded(
        at_ms=now_ms(),
        document=DocumentId(document),
        title=title or document.replace("-", " ").capitalize(),
        media_type="text/markdown",
        text=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def example_documents() -> list[DocumentAdded]:
    return [markdown(path.stem, path.read_text()) for path in sorted(EXAMPLE.glob("*.md"))]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class WorkerProcess:
    """A worker that is no part of this process."""

    process: asyncio.subprocess.Process

    async def there(self) -> None:
        """Return when it is where it was set up to hang."""
        await self.says(b"there\n")

    async def says(self, line: bytes) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            assert await self.process.stdout.readline() == line


@dataclass
class Town:
    """The bus with its streams, and what callers and publishers do on it."""

    bus: Bus
    url: str
    data: Path
    journal: NatsJournal = field(init=False)

    def __post_init__(self) -> None:
        self.journal = NatsJournal(self.bus)

    async def publish(self, event: KnowledgeEvent, tenant: TenantId = TENANT) -> int:
        subject = knowledge_subject(tenant, AGENT, event.document)
        return (await self.bus.js.publish(subject, encode(event))).seq

    async def withdraw(self, document: str) -> int:
        gone = DocumentWithdrawn(at_ms=now_ms(), document=DocumentId(document))
        return await self.publish(gone)

    async def wonder(self, text: str, call: CallId | None = None, *, at_ms: int = 0) -> CallId:
        """Put a question on the dialog of a call, and do not wait."""
        call = call or new_call_id()
        said = Message(by="dialog-test", events=(_wanted(text, at_ms),))
        await self.journal.append(TENANT, call, "dialog", said, id=f"{call}:wanted")
        return call

    async def ask(self, text: str) -> PassagesEvent:
        """Ask, and wait for what the worker writes on the call."""
        return await self.answer(await self.wonder(text))

    async def ask_ahead(self, text: str, call: CallId, *, within_s: float = 10) -> PassagesEvent:
        """Ask beside the log."""
        asked = Codec().encode(call, Message(by="dialog-test", events=(_wanted(text),)))
        reply = await self.bus.nc.request(question_subject(TENANT, call), asked, timeout=within_s)
        return Codec().decode(call, reply.data).events[0]  # type: ignore[return-value]

    async def answer(self, call: CallId) -> PassagesEvent:
        following = await follow(self.bus, self.journal, TENANT, call)
        try:
            async for recorded in following:
                if recorded.family == "passages":
                    return recorded.message.events[0]  # type: ignore[return-value]
        finally:
            await following.close()
        raise AssertionError("the call ended without an answer")

    async def answers(self, call: CallId) -> list[Recorded]:
        return [recorded async for recorded in self.journal.read(TENANT, call, "passages")]

    async def open_store(self, folder: str = "index", space: str = "") -> Store:
        return await open_folder(self.data / folder, Bm25(), space)

    @asynccontextmanager
    async def worker_process(self, **setup: object) -> AsyncIterator[WorkerProcess]:
        """A worker in a process of its own, at work; killed at the end if it still runs.

        `setup`: see rag_in_a_process.Setup.
        """
        program = Path(__file__).with_name("rag_in_a_process.py")
        folder = self.data / f"process-{time.monotonic_ns()}"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(program), self.url, str(folder)),
            msgspec.json.encode(setup).decode(),
            stdout=PIPE,
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        worker = WorkerProcess(process)
        try:
            await worker.says(b"ready\n")
            yield worker
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def rag(
        self, store: Store, embedding: Embedding | None = None, **settings: float
    ) -> AbstractAsyncContextManager[Rag]:
        return serve(
            self.bus,
            self.url,
            store,
            self.journal,
            embedding,
            host=HostId("rag-test"),
            settings=Settings(**settings),  # type: ignore[arg-type]
        )


def _wanted(text: str, at_ms: int = 0) -> PassagesWanted:
    ref = AgentRef(agent=AGENT, revision=1)
    return PassagesWanted(at_ms=at_ms or now_ms(), turn=1, question=text, agent=ref)


@asynccontextmanager
async def opened(town: Town, folder: str, space: str = "") -> AsyncIterator[Store]:
    store = await town.open_store(folder, space)
    try:
        yield store
    finally:
        await store.close()
