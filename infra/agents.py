"""Agent revisions, read from and written to the AGENTS stream."""

import time
from typing import Final

from nats.js.errors import APIError, NotFoundError

from contracts.agent import Agent, AgentPublished, agent_id
from contracts.codec import decode_agent, encode
from contracts.event import AgentRef
from contracts.ids import AgentId, TenantId
from contracts.streams import AGENTS, agent_subject
from infra.nats import Bus

_WRONG_SEQUENCE: Final = 10071


class NoSuchAgent(LookupError):
    """No such agent, or no such revision of it, was ever published."""


class Agents:
    """Reads and publishes agents; a revision never changes, so it is kept once read."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._known: dict[tuple[TenantId, AgentId, int], Agent] = {}

    async def get(self, tenant: TenantId, ref: AgentRef) -> Agent:
        """The very revision. Raises NoSuchAgent."""
        key = (tenant, ref.agent, ref.revision)
        if key not in self._known:
            for published in await self._history(tenant, ref.agent):
                self._known[tenant, ref.agent, published.revision] = published.agent
        if key not in self._known:
            raise NoSuchAgent(f"agent {ref.agent} has no revision {ref.revision}")
        return self._known[key]

    async def latest(self, tenant: TenantId, agent: AgentId) -> AgentPublished | None:
        """The newest revision; None when the agent was never published."""
        found = await self._last(tenant, agent)
        return found[1] if found else None

    async def publish(self, tenant: TenantId, agent: Agent) -> AgentRef:
        """Store a new revision, or find that the newest one is just that."""
        name = agent_id(agent)
        while True:
            found = await self._last(tenant, name)
            sequence, newest = found or (0, None)
            if newest is not None and newest.agent == agent:
                return AgentRef(agent=name, revision=newest.revision)
            revision = newest.revision + 1 if newest else 1
            now_ms = time.time_ns() // 1_000_000
            published = AgentPublished(at_ms=now_ms, revision=revision, agent=agent)
            try:
                await self._bus.js.publish(
                    agent_subject(tenant, name),
                    encode(published),
                    headers={"Nats-Expected-Last-Subject-Sequence": str(sequence)},
                )
            except APIError as refused:
                if refused.err_code != _WRONG_SEQUENCE:
                    raise
                continue  # somebody published at the same time: number anew
            return AgentRef(agent=name, revision=revision)

    async def names(self, tenant: TenantId) -> list[AgentId]:
        """All agents of a tenant that were ever published."""
        info = await self._bus.js.stream_info(AGENTS.name, subjects_filter=f"agent.{tenant}.*")
        return sorted(AgentId(s.rpartition(".")[2]) for s in info.state.subjects or {})

    async def _last(self, tenant: TenantId, agent: AgentId) -> tuple[int, AgentPublished] | None:
        try:
            raw = await self._bus.js.get_last_msg(AGENTS.name, agent_subject(tenant, agent))
        except NotFoundError:
            return None
        return raw.seq or 0, decode_agent(raw.data or b"")

    async def _history(self, tenant: TenantId, agent: AgentId) -> list[AgentPublished]:
        """All revisions, asked for one by one: there are few, and each is asked for once."""
        published: list[AgentPublished] = []
        subject, sequence = agent_subject(tenant, agent), 0
        while True:
            try:
                raw = await self._bus.js.get_msg(AGENTS.name, sequence + 1, subject, next=True)
            except NotFoundError:
                return published
            sequence = raw.seq or 0
            published.append(decode_agent(raw.data or b""))
