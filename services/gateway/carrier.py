"""The port to a carrier: what its media socket says, whatever the carrier calls it."""

from typing import Protocol, TypeAlias

import msgspec


class Connected(msgspec.Struct, frozen=True):
    """The socket is open; the call is not named yet."""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The call is named and its sound begins."""

    stream: str  # the carrier's id of the stream, fit for an id
    carrier_call: str  # the carrier's id of the call, fit for an id
    parameters: dict[str, str]


class Media(msgspec.Struct, frozen=True, gc=False):
    """A piece of the caller's sound, usually 20 ms."""

    stream: str
    mulaw: bytes  # 1 to 8000 bytes
    timestamp_ms: int  # since the stream began, by the carrier; -1: not given


class Digit(msgspec.Struct, frozen=True):
    """The caller pressed a key."""

    stream: str
    digit: str  # 0-9, *, #, A-D


class Marked(msgspec.Struct, frozen=True):
    """All sound sent before this mark was played, or thrown away by a clear."""

    stream: str
    name: str


class Stopped(msgspec.Struct, frozen=True):
    """The caller hung up, or the carrier was told to do something else with the call."""

    stream: str


class Unknown(msgspec.Struct, frozen=True):
    """A message of a kind this carrier did not have when the adapter was written."""


CarrierMessage: TypeAlias = Connected | Started | Media | Digit | Marked | Stopped | Unknown


class BadCarrierMessage(Exception):
    """A message that breaks the carrier's protocol. Says where, never what it holds."""


class Carrier(Protocol):
    """A carrier's wire protocol: pure, no connection of its own."""

    @property
    def name(self) -> str:
        """As events carry it."""
        ...

    def parse(self, payload: bytes) -> CarrierMessage:
        """What a text message says. Raises BadCarrierMessage."""
        ...

    def media(self, stream: str, mulaw: bytes) -> bytes:
        """The message that has `mulaw` played after all that was sent before."""
        ...

    def mark(self, stream: str, name: str) -> bytes:
        """The message that asks for an echo when all sound before it was played."""
        ...

    def clear(self, stream: str) -> bytes:
        """The message that throws away what was not played yet."""
        ...
