"""What one call's log holds, wherever in the log it comes to stand.

Decisions name facts by their stream sequences and hold the hash of the decision before. The rules
and the states know nothing of either. So a call is decided once, with its messages numbered from 1,
and each of its copies in a log only has its numbers, digests and hashes written anew.
"""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from contracts.codec import Codec
from contracts.ids import CallId, TenantId
from contracts.recorded import Decision, FactCause, FactSeen, Message, Recorded
from contracts.streams import Family, call_subject
from services.call.actor import fact_digest, payload_hash


class Told(NamedTuple):
    """One message of the call."""

    family: Family
    message: Message  # a decision's sequences are places in the call, from 1
    id: str  # of its cause, unique in the call
    at_ms: int  # UNIX time


class History(NamedTuple):
    """A call that was made up."""

    number: int  # of the call among those of its seed, from 0
    house: str  # name of its agent
    tenant: TenantId
    rang_ms: int  # UNIX time
    messages: tuple[Told, ...]  # in the order in which they were stored

    @property
    def events(self) -> int:
        """In all messages."""
        return sum(len(told.message.events) for told in self.messages)


class Ready(NamedTuple):
    """A message ready to be stored at the sequence it was made for."""

    subject: str
    payload: bytes
    id: str
    first: bool  # of its call


class Stored(NamedTuple):
    """How much of a call is in a log."""

    messages: int
    prev: str  # hash of its newest decision


class Placing:
    """One call on its way into a log, message by message."""

    def __init__(self, history: History, call: CallId, codec: Codec) -> None:
        self.history, self.call = history, call
        self._codec = codec
        self._seen: list[FactSeen] = []  # by place: where it stands, and for facts their digest
        self._prev = ""
        self._subjects = {
            family: call_subject(history.tenant, call, family)
            for family in {told.family for told in history.messages}
        }

    @property
    def stored(self) -> Stored:
        """How far it has come."""
        return Stored(len(self._seen), self._prev)

    def go_back(self, stored: Stored) -> None:
        """What came after was not stored."""
        del self._seen[stored.messages :]
        self._prev = stored.prev

    def next(self, sequence: int) -> Ready:
        """The next message as it has to be when it is stored at this stream sequence."""
        told = self.history.messages[len(self._seen)]
        message = told.message
        if message.decision is not None:
            message = replace(message, decision=self._decision(message.decision))
        payload = self._codec.encode(self.call, message)
        if told.family == "dialog":
            self._prev = payload_hash(payload)
            self._seen.append(FactSeen(sequence, ""))
        else:
            self._seen.append(FactSeen(sequence, fact_digest(payload)))
        first = len(self._seen) == 1
        return Ready(self._subjects[told.family], payload, f"{self.call}:{told.id}", first)

    def _decision(self, decision: Decision) -> Decision:
        seen, cause = self._seen, decision.cause
        if isinstance(cause, FactCause):
            cause = FactCause(sequence=seen[cause.sequence - 1].sequence, index=cause.index)
        return Decision(
            n=decision.n,
            basis=self._basis(decision),
            cause=cause,
            prev=self._prev,
            state=decision.state,
            facts=tuple(seen[fact.sequence - 1] for fact in decision.facts),
            more=decision.more,
        )

    def _basis(self, decision: Decision) -> int:
        return self._seen[decision.basis - 1].sequence if decision.basis else 0


def recorded(
    history: History, call: CallId, sequences: Sequence[int], codec: Codec | None = None
) -> list[Recorded]:
    """The call as it is read from a log in which its messages have these stream sequences."""
    codec = codec or Codec()
    placing = Placing(history, call, codec)
    found = []
    for told, sequence in zip(history.messages, sequences, strict=True):
        payload = placing.next(sequence).payload
        found.append(
            Recorded(
                tenant=history.tenant,
                call=call,
                family=told.family,
                sequence=sequence,
                stored_ms=float(told.at_ms),
                message=codec.decode(call, payload),
                payload=payload,
            )
        )
    return found
