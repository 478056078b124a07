"""What every event has, and the mark of personal data."""

from typing import Annotated, Final, Literal

import msgspec

from contracts.ids import AgentId

PII: Final = "pii"
Pii = Annotated[str, msgspec.Meta(extra={PII: True})]
"""Text a caller said or that says who the caller is: kept out of logs, traces and errors."""

Phase = Literal["start", "discovery", "active", "completion"]

Stage = Literal["connect", "first", "amid"]
"""How far a provider had come: no connection, nothing of its answer, or a part of it."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """A fact or a decision: past tense, immutable; a new field carries a default."""

    at_ms: int  # UNIX time in milliseconds, clock of the writer


class AgentRef(msgspec.Struct, frozen=True, kw_only=True):
    """The one revision of an agent that a call keeps from ring to hang-up."""

    agent: AgentId  # the agent's name
    revision: int  # starts at 1


class OwnerClaimed(Event, frozen=True, kw_only=True, tag="owner.claimed/1"):
    """A process became the owner of the call in one role; lower epochs are refused from here on."""

    role: Literal["stt", "dialog"]  # the part of the call it hosts
    host: str  # id of the process: `<role>-<process id>-<random>`
    epoch: int  # starts at 1, rises with each owner
