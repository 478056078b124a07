"""Bytes to events and back: the only place where versions are lifted and fields are sealed."""

from typing import Final, Protocol, TypeVar

import msgspec

from contracts.agent import AgentPublished
from contracts.claim import Claim
from contracts.ids import CallId
from contracts.knowledge import DocumentAdded, DocumentWithdrawn, KnowledgeEvent
from contracts.recorded import CallEvent, Decision, Message, Retired
from contracts.transcript import TranscriptFinalized, TranscriptFinalizedV1

__all__ = ["Codec", "Seal", "Unreadable", "decode_knowledge", "encode", "lift"]


class Unreadable(Exception):
    """Bytes that no contract covers. Says where they break, never what they hold."""


class Seal(Protocol):
    """Closes marked fields before bytes are made and opens them after bytes are read."""

    def close(self, call: CallId, message: Message) -> Message: ...
    def open(self, call: CallId, message: Message) -> Message: ...


class Unsealed:
    """Leaves every field as it is."""

    def close(self, call: CallId, message: Message) -> Message:
        return message

    def open(self, call: CallId, message: Message) -> Message:
        return message


class _Wire(msgspec.Struct, frozen=True, kw_only=True):
    """A message as read, before its events are lifted to the present versions."""

    by: str
    events: tuple[CallEvent | Retired, ...]
    epoch: int = 0
    decision: Decision | None = None


_wire: Final = msgspec.json.Decoder(_Wire)
_encoder: Final = msgspec.json.Encoder()
_agent: Final = msgspec.json.Decoder(AgentPublished)
_claim: Final = msgspec.json.Decoder(Claim)
_document: "Final[msgspec.json.Decoder[KnowledgeEvent]]" = msgspec.json.Decoder(
    DocumentAdded | DocumentWithdrawn
)

Decoded = TypeVar("Decoded")


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

    def encode(self, call: CallId, message: Message) -> bytes:
        """The bytes to store, as JSON."""
        return _encoder.encode(self._seal.close(call, message))

    def decode(self, call: CallId, payload: bytes) -> Message:
        """The message behind stored bytes, with every event lifted. Raises Unreadable."""
        wire = _read(_wire, payload)
        message = Message(
            by=wire.by,
            events=tuple(lift(event) for event in wire.events),
            epoch=wire.epoch,
            decision=wire.decision,
        )
        return self._seal.open(call, message)


def encode(value: AgentPublished | Claim | KnowledgeEvent) -> bytes:
    """The bytes of what belongs to no call's log."""
    return _encoder.encode(value)


def decode_agent(payload: bytes) -> AgentPublished:
    """Raises Unreadable."""
    return _read(_agent, payload)


def decode_claim(payload: bytes) -> Claim:
    """Raises Unreadable."""
    return _read(_claim, payload)


def decode_knowledge(payload: bytes) -> KnowledgeEvent:
    """Raises Unreadable."""
    return _read(_document, payload)


def _read(decoder: "msgspec.json.Decoder[Decoded]", payload: bytes) -> Decoded:
    try:
        return decoder.decode(payload)
    except msgspec.ValidationError as broken:
        raise Unreadable(_place(str(broken))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unreadable("not JSON in UTF-8") from None


def _place(reason: str) -> str:
    """Where the contract was broken: the path msgspec gives, without the value it quotes."""
    path = reason.rpartition(" - at ")[2].strip("`") if " - at " in reason else "$"
    return f"no contract covers it, at {path}"
