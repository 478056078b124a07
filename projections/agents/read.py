"""Questions to the table agents."""

from datetime import datetime
from typing import Final

import msgspec

from contracts.ids import AgentId, TenantId
from infra.postgres import Pool
from projections.rows import as_structs, columns


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """A row of agents: the columns' comments give meaning and source of each field."""

    tenant: str
    agent: str
    revision: int
    published_at: datetime
    title: str
    languages: tuple[str, ...]
    stt_provider: str
    stt_model: str
    llm_provider: str
    llm_model: str
    tts_provider: str
    tts_model: str
    voice: str
    tools: tuple[str, ...]
    intents: int
    knowledge: bool
    transfers: bool
    barge_in: bool
    sha256: str
    sequence: int


_LATEST: Final = (
    f"SELECT DISTINCT ON (agent) {columns(Revision)} FROM agents WHERE tenant = $1"
    " ORDER BY agent, revision DESC"
)
_REVISIONS: Final = (
    f"SELECT {columns(Revision)} FROM agents WHERE tenant = $1 AND agent = $2 ORDER BY revision"
)


async def latest(pool: Pool, tenant: TenantId) -> tuple[Revision, ...]:
    """The newest revision of each agent, by name."""
    return as_structs(await pool.fetch(_LATEST, tenant), Revision)


async def revisions(pool: Pool, tenant: TenantId, agent: AgentId) -> tuple[Revision, ...]:
    """All revisions of an agent, the first one first."""
    return as_structs(await pool.fetch(_REVISIONS, tenant, agent), Revision)
