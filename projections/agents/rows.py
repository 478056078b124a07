"""A row of the table agents, as an event makes it. Its columns' comments are in table.sql."""

import hashlib

import msgspec

from contracts.codec import decode_agent
from projections.moments import Moment, moment


class RevisionRow(msgspec.Struct):
    """All columns."""

    tenant: str
    agent: str
    revision: int
    published_at: Moment
    title: str
    languages: list[str]
    stt_provider: str
    stt_model: str
    llm_provider: str
    llm_model: str
    tts_provider: str
    tts_model: str
    voice: str
    tools: list[str]
    intents: int
    knowledge: bool
    transfers: bool
    barge_in: bool
    sha256: str
    sequence: int


def row_of(subject: str, sequence: int, payload: bytes) -> RevisionRow:
    """The row that a message of the stream AGENTS makes. Pure. Raises Unreadable."""
    published = decode_agent(payload)
    _, tenant, name = subject.split(".")
    agent = published.agent
    return RevisionRow(
        tenant=tenant,
        agent=name,
        revision=published.revision,
        published_at=moment(published.at_ms),
        title=agent.title,
        languages=list(agent.languages),
        stt_provider=agent.stt.provider,
        stt_model=agent.stt.model,
        llm_provider=agent.llm.provider,
        llm_model=agent.llm.model,
        tts_provider=agent.voice.provider,
        tts_model=agent.voice.model,
        voice=agent.voice.name,
        tools=[tool.name for tool in agent.tools],
        intents=len(agent.intents),
        knowledge=bool(agent.knowledge),
        transfers=bool(agent.transfer.to),
        barge_in=agent.barge_in.enabled,
        sha256=_sha256(payload),
        sequence=sequence,
    )


def _sha256(payload: bytes) -> str:
    """Of the agent as it was stored: fields that later contracts add do not change it."""
    stored = msgspec.json.decode(payload)["agent"]
    return hashlib.sha256(msgspec.json.encode(stored, order="sorted")).hexdigest()
