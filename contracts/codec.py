"""Bytes to events and back: the only place where versions are lifted and fields are sealed."""

from collections import OrderedDict
from collections.abc import Collection
from typing import Any, Final, Literal, TypeAlias, cast

import msgspec

from contracts.agent import AgentPublished
from contracts.claim import Claim
from contracts.ids import CallId
from contracts.key import KeyErased, KeyEvent, KeyMade
from contracts.knowledge import DocumentAdded, DocumentWithdrawn, KnowledgeEvent
from contracts.marked_fields import exchanged, exchanged_each
from contracts.outcome import CallErased
from contracts.phrase import PhraseWanted
from contracts.recorded import CallEvent, Decision, Message, Retired
from contracts.seal import KeyWanted, Locked, Seal, Unreadable, Unsealed
from contracts.transcript import TranscriptFinalized, TranscriptFinalizedV1
from contracts.wire import Events, Wire, read

__all__ = [
    "Codec",
    "KeyWanted",
    "Locked",
    "Seal",
    "Unreadable",
    "decode_key",
    "decode_knowledge",
    "encode",
    "is_sealed",
    "lift",
    "outline",
]


_Sealed: TypeAlias = Literal["", "siv", "erased"]

_RARE: Final[frozenset[type[Any]]] = frozenset((TranscriptFinalizedV1, CallErased))
_KEPT: Final = 256  # messages: those of a second, in a process that is full
_wire: Final = msgspec.json.Decoder(Wire)
_encoder: Final = msgspec.json.Encoder()
_agent: Final = msgspec.json.Decoder(AgentPublished)
_claim: Final = msgspec.json.Decoder(Claim)
_phrase: Final = msgspec.json.Decoder(PhraseWanted)
_document: "Final[msgspec.json.Decoder[KnowledgeEvent]]" = msgspec.json.Decoder(
    DocumentAdded | DocumentWithdrawn
)
_key: "Final[msgspec.json.Decoder[KeyEvent]]" = msgspec.json.Decoder(KeyMade | KeyErased)


def lift(event: CallEvent | Retired) -> CallEvent:
    """The same fact in the present version of its contract."""
    match event:
        case TranscriptFinalizedV1():
            return TranscriptFinalized(
                at_ms=event.at_ms,
                utterance=event.utterance,
                text=event.text,
                confidence=1.0,
                speech_ended_ms=round(event.speech_ended_s * 1000),
            )
        case _:
            return event


class Codec:
    """Makes and reads the bytes of call messages; `seal` guards personal data."""

    def __init__(self, seal: Seal | None = None) -> None:
        self._seal = seal or Unsealed()
        self._opens_decisions = True
        self._made: OrderedDict[tuple[CallId, bytes], Message] = OrderedDict()

    def of_events(self) -> "Codec":
        """Reads as this one does, but leaves a decision's own marked fields as they are sealed.

        For who reads only the kind of a decision's cause: they are half of all that is sealed.
        """
        codec = Codec(self._seal)
        codec._opens_decisions, codec._made = False, self._made
        return codec

    def encode(self, call: CallId, message: Message) -> bytes:
        """The bytes to store, as JSON: the same for the same message. Raises KeyWanted."""
        return _encoder.encode(self._seal.close(call, message))

    def keep(self, call: CallId, message: Message, payload: bytes) -> None:
        """Know the message again by its bytes when it comes back: see `decode`."""
        if _RARE.isdisjoint(map(type, message.events)):
            self._made[call, payload] = message
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)

    def decode(self, call: CallId, payload: bytes, *, live: bool = False) -> Message:
        """The message behind stored bytes, with every event lifted.

        Where the call was erased, `sealed` says so. `live`: it is new, and may have been stored
        from here: what is kept of it is neither read nor opened again.
        Raises Unreadable, KeyWanted, Locked.
        """
        if live and (kept := self._kept(call, payload)):
            return kept
        wire = read(_wire, payload)
        if not wire.sealed:
            return _message(wire, self._lifted(call, wire.events), wire.decision, "")
        opener = self._seal.opener(call)
        events, decision = exchanged_each(wire.events, opener.hand, ".events"), wire.decision
        if decision is not None and self._opens_decisions:
            decision = exchanged(decision, opener.hand, ".decision")
        return _message(wire, self._lifted(call, events), decision, opener.sealed)

    def _kept(self, call: CallId, payload: bytes) -> Message | None:
        kept = self._made.get((call, payload))
        if kept is None or (is_sealed(payload) and self._seal.opener(call).sealed):
            return None  # unknown, or erased meanwhile
        return kept

    def _lifted(self, call: CallId, events: Events) -> tuple[CallEvent, ...]:
        if _RARE.isdisjoint(map(type, events)):  # nearly always
            return cast(tuple[CallEvent, ...], events)
        if any(type(event) is CallErased for event in events):
            self._seal.forget(call)
        return tuple(map(lift, events))

    async def write(self, call: CallId, message: Message) -> bytes:
        """As `encode`, with the call's key fetched where it is not at hand.

        Raises: Locked, JournalUnavailable.
        """
        while True:
            try:
                return self.encode(call, message)
            except KeyWanted:
                await self._seal.fetch((call,))

    async def read(self, call: CallId, payload: bytes, *, live: bool = False) -> Message:
        """As `decode`, with the call's key fetched where it is not at hand.

        Raises: Unreadable, Locked, JournalUnavailable.
        """
        while True:
            try:
                return self.decode(call, payload, live=live)
            except KeyWanted:
                await self._seal.fetch((call,))

    async def fetch(self, calls: Collection[CallId]) -> None:
        """Have the keys of these calls at hand: one question instead of one for each.

        Raises: Locked, JournalUnavailable.
        """
        await self._seal.fetch(calls)

    async def begin(self, call: CallId) -> None:
        """See Seal.begin."""
        await self._seal.begin(call)


def is_sealed(payload: bytes) -> bool:
    """Whether a key is needed to read a message, as far as can be told without decoding it."""
    return b'"sealed":"siv"' in payload


def outline(payload: bytes) -> Message:
    """The message without its personal fields' words: what can be told without a key.

    Raises Unreadable.
    """
    wire = read(_wire, payload)
    return _message(wire, tuple(map(lift, wire.events)), wire.decision, wire.sealed)


def _message(
    wire: Wire, events: tuple[CallEvent, ...], decision: Decision | None, sealed: _Sealed
) -> Message:
    return Message(by=wire.by, events=events, epoch=wire.epoch, decision=decision, sealed=sealed)


def encode(value: AgentPublished | Claim | KnowledgeEvent | KeyEvent | PhraseWanted) -> bytes:
    """The bytes of what belongs to no call's log."""
    return _encoder.encode(value)


def decode_agent(payload: bytes) -> AgentPublished:
    """Raises Unreadable."""
    return read(_agent, payload)


def decode_claim(payload: bytes) -> Claim:
    """Raises Unreadable."""
    return read(_claim, payload)


def decode_knowledge(payload: bytes) -> KnowledgeEvent:
    """Raises Unreadable."""
    return read(_document, payload)


def decode_phrase(payload: bytes) -> PhraseWanted:
    """Raises Unreadable."""
    return read(_phrase, payload)


def decode_key(payload: bytes) -> KeyEvent:
    """Raises Unreadable."""
    return read(_key, payload)
