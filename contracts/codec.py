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
from contracts.marked_fields import exchange_each, exchanged
from contracts.outcome import CallErased
from contracts.phrase import PhraseWanted
from contracts.recorded import CallEvent, Decision, Message, Retired
from contracts.seal import KeyWanted, Locked, Opener, Seal, Unreadable, Unsealed
from contracts.transcript import TranscriptFinalized, TranscriptFinalizedV1
from contracts.wire import Events, EventsWire, Wire, read

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
_wire: "Final[msgspec.json.Decoder[Wire]]" = msgspec.json.Decoder(Wire)
_events: "Final[msgspec.json.Decoder[Wire]]" = msgspec.json.Decoder(EventsWire)
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
        self._wire = _wire
        self._made: OrderedDict[tuple[CallId, bytes], Message] = OrderedDict()

    def of_events(self) -> "Codec":
        """Reads as this one does, but of a decision only its place and its cause, which stays
        sealed.

        For who wants the events and asks a cause for its kind: decisions are half of what is
        sealed. The rest of them is empty, whatever is stored there.
        """
        codec = Codec(self._seal)
        codec._wire, codec._made = _events, self._made
        return codec

    def encode(self, call: CallId, message: Message) -> bytes:
        """The bytes to store, as JSON: the same for the same message. Raises KeyWanted."""
        return _encoder.encode(self._seal.close(call, message))

    def keep(self, call: CallId, message: Message, payload: bytes) -> None:
        """Know the message again by its bytes when it comes back: see `decode`."""
        if not _any_rare(message.events):
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
        return self.of_call(call).decode(payload)

    def of_call(self, call: CallId) -> "CallReader":
        """Reads messages of one call in stored order: the way to its key is asked for once."""
        return CallReader(self._seal, self._wire, call)

    def _kept(self, call: CallId, payload: bytes) -> Message | None:
        kept = self._made.get((call, payload))
        if kept is None or (is_sealed(payload) and self._seal.opener(call).sealed):
            return None  # unknown, or erased meanwhile
        return kept

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


class CallReader:
    """See Codec.of_call. For a moment only: that a call is erased it knows from the log alone."""

    def __init__(self, seal: Seal, wire: "msgspec.json.Decoder[Wire]", call: CallId) -> None:
        self._seal, self._wire, self._call = seal, wire, call
        self._opener: Opener | None = None

    def decode(self, payload: bytes) -> Message:
        """See Codec.decode."""
        wire = read(self._wire, payload)
        events, decision = wire.events, wire.decision
        sealed: _Sealed = ""
        if wire.sealed:
            if self._opener is None:
                self._opener = self._seal.opener(self._call)
            hand, sealed = self._opener
            exchange_each(events, hand, ".events")
            if decision is not None and self._wire is _wire:
                decision = exchanged(decision, hand, ".decision")
        if _any_rare(events):
            return _message(wire, self._lifted(events), decision, sealed)
        return _message(wire, cast(tuple[CallEvent, ...], events), decision, sealed)

    def _lifted(self, events: Events) -> tuple[CallEvent, ...]:
        if any(type(event) is CallErased for event in events):
            self._seal.forget(self._call)
            self._opener = None
        return tuple(map(lift, events))


def is_sealed(payload: bytes) -> bool:
    """Whether a key is needed to read a message, as far as can be told without decoding it."""
    return b'"sealed":"siv"' in payload


def outline(payload: bytes) -> Message:
    """The message without its personal fields' words: what can be told without a key.

    Raises Unreadable.
    """
    wire = read(_wire, payload)
    return _message(wire, tuple(map(lift, wire.events)), wire.decision, wire.sealed)


def _any_rare(events: Events) -> bool:
    for event in events:  # asked of each message: `any` takes thrice as long
        if type(event) in _RARE:
            return True
    return False


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
