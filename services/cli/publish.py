"""An agent's file and its knowledge brought into the log."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from contracts.agent import Agent
from contracts.codec import decode_knowledge, encode
from contracts.event import AgentRef
from contracts.ids import DocumentId, TenantId
from contracts.knowledge import DocumentAdded, DocumentWithdrawn, KnowledgeEvent
from contracts.streams import KNOWLEDGE, knowledge_subject
from infra.agents import Agents
from infra.nats import Bus
from services.cli.agent_file import read_agent, read_knowledge


class Published(NamedTuple):
    """What a publication changed."""

    ref: AgentRef
    documents: int
    withdrawn: int


async def publish(
    bus: Bus,
    tenant: TenantId,
    path: Path,
    replacing: Mapping[str, str] | None = None,
    *,
    changed: Callable[[Agent], Agent] = lambda agent: agent,
) -> Published:
    """Store the agent as a revision and its documents; withdraw documents that are gone.

    `changed` makes of the file's agent the one that is stored. The same file and folder again
    change nothing. Raises AgentFileError.
    """
    now_ms = time.time_ns() // 1_000_000
    agent = changed(read_agent(path, replacing))
    documents = read_knowledge(path, agent, now_ms)
    ref = await Agents(bus).publish(tenant, agent)
    stored = await _stored(bus, tenant, ref)
    for document in documents:
        known = stored.get(document.document)
        if not isinstance(known, DocumentAdded) or known.sha256 != document.sha256:
            await _store(bus, tenant, ref, document)
    there = {name for name, event in stored.items() if isinstance(event, DocumentAdded)}
    gone = there - {document.document for document in documents}
    for name in sorted(gone):
        await _store(bus, tenant, ref, DocumentWithdrawn(at_ms=now_ms, document=name))
    return Published(ref, len(documents), len(gone))


async def _store(bus: Bus, tenant: TenantId, ref: AgentRef, event: KnowledgeEvent) -> None:
    await bus.js.publish(knowledge_subject(tenant, ref.agent, event.document), encode(event))


async def _stored(bus: Bus, tenant: TenantId, ref: AgentRef) -> dict[DocumentId, KnowledgeEvent]:
    """The newest event of each of the agent's documents."""
    info = await bus.js.stream_info(
        KNOWLEDGE.name, subjects_filter=f"knowledge.{tenant}.{ref.agent}.*"
    )
    found = {}
    for subject in info.state.subjects or {}:
        last = await bus.js.get_last_msg(KNOWLEDGE.name, subject)
        event = decode_knowledge(last.data or b"")
        found[event.document] = event
    return found
