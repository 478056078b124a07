"""What the actor knows: a union of situations, each built only from the call's decisions."""

import hashlib
from typing import Any, Final, Literal, TypeAlias

import msgspec

from contracts.dialog import ReplyKind
from contracts.event import AgentRef, Phase, Pii

SHAPE: Final = 2  # of the state's fields; raise it when they change, for old hashes differ then
_ANSWERED_WITHIN: Final = 2  # turns after a proposal: one question in between is natural


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the conversation's memory."""

    by: Literal["caller", "agent", "tool"]
    text: Pii  # the agent's: only what the caller heard; a tool's: its result as JSON
    tool: str = ""
    invocation: str = ""
    arguments: dict[str, Any] = {}


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's newest turn."""

    turn: int
    text: Pii
    intent: str
    kind: str
    slots: dict[str, Pii] = {}


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The agent's newest reply, as far as it is written."""

    number: int  # starts at 1
    turn: int
    kind: ReplyKind
    sentences: tuple[Pii, ...] = ()
    written: tuple[Pii, ...] = ()  # by the model so far, also in the reply that this one resumes
    confirmed: int = 0  # sentences heard for certain when the line broke
    finished: bool = False  # nothing more will be written
    over: bool = False  # heard to its end, or given up


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller was asked to confirm."""

    turn: int  # in which it was asked
    invocation: str
    tool: str
    arguments: dict[str, Any]


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives every situation of one call."""

    agent: AgentRef
    language: str
    opened_ms: int = 0  # UNIX time in milliseconds
    variables: dict[str, Pii] = {}
    epoch: int = 0
    away: bool = False  # the line is broken and the caller may come back
    planned: bool = False  # it was given to another gateway on purpose
    phase: Phase = "start"
    turn: int = 0  # the newest turn, starts at 1
    failures: int = 0  # misheard in a row
    invocations: int = 0  # tools proposed or called so far
    understood: Understood | None = None
    reply: Reply | None = None
    proposal: Proposal | None = None
    sources: tuple[str, ...] = ()  # passages the present answer is written from
    history: tuple[Said, ...] = ()

    @property
    def pending(self) -> Proposal | None:
        """The proposal a yes or no still answers: the last one, with one turn between at most."""
        asked = self.proposal
        return asked if asked and self.turn - asked.turn <= _ANSWERED_WITHIN else None

    @property
    def next_reply(self) -> int:
        """The number the reply under way has or will have."""
        if self.reply is None:
            return 1
        return self.reply.number + (1 if self.reply.finished or self.reply.over else 0)


class _Situation(msgspec.Struct, frozen=True, kw_only=True, tag_field="situation"):
    pass


class Unopened(_Situation, frozen=True, kw_only=True, tag="unopened"):
    """No actor has taken the call up yet."""

    epoch: int = 0


class Ringing(_Situation, frozen=True, kw_only=True, tag="ringing"):
    """The carrier offers the call; no audio flows."""

    talk: Talk


class Listening(_Situation, frozen=True, kw_only=True, tag="listening"):
    """It is the caller's turn."""

    talk: Talk


class Consulting(_Situation, frozen=True, kw_only=True, tag="consulting"):
    """The knowledge was asked."""

    talk: Talk
    since_ms: int  # UNIX time in milliseconds


class Answering(_Situation, frozen=True, kw_only=True, tag="answering"):
    """The model writes the reply; its first sentences may already be spoken."""

    talk: Talk


class Speaking(_Situation, frozen=True, kw_only=True, tag="speaking"):
    """The reply is written and not yet heard to its end."""

    talk: Talk


class Acting(_Situation, frozen=True, kw_only=True, tag="acting"):
    """A tool runs."""

    talk: Talk
    invocation: str
    tool: str
    arguments: dict[str, Any]


class Leaving(_Situation, frozen=True, kw_only=True, tag="leaving"):
    """The caller is being hung up on or handed over."""

    talk: Talk


class Ended(_Situation, frozen=True, kw_only=True, tag="ended"):
    """The line is gone."""

    talk: Talk | None
    reason: str


CallState: TypeAlias = (
    Unopened | Ringing | Listening | Consulting | Answering | Speaking | Acting | Leaving | Ended
)


def state_hash(state: CallState) -> str:
    """`<shape>-<16 hexadecimal digits>`: two equal states of one shape share it.

    SHA-256 of the state as JSON. Hashes of different shapes say nothing about each other.
    """
    digest = hashlib.sha256(msgspec.json.encode(state, order="deterministic")).hexdigest()
    return f"{SHAPE}-{digest[:16]}"


def same_shape(one: str, another: str) -> bool:
    """Whether two state hashes can be compared."""
    return one.partition("-")[0] == another.partition("-")[0]
