"""A stored message as a consumer delivers it, with its place told by the reply subject.

Source: https://docs.nats.io/reference/reference-protocols/nats_api_reference, "acknowledging".
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

_SHORT: Final = 9  # tokens: without domain and account


class Delivered(NamedTuple):
    """One message."""

    subject: str
    payload: bytes
    sequence: int  # stream sequence
    nth: int  # of the consumer's deliveries, starts at 1
    stored_ns: int  # UNIX time in nanoseconds, clock of the server

    @property
    def stored_at(self) -> datetime:
        """When the server stored it, to the microsecond."""
        return datetime.fromtimestamp(self.stored_ns / 1_000_000_000.0, UTC)


def delivered(subject: bytes, reply: bytes, payload: bytes) -> Delivered:
    """Raises ValueError when `reply` is not that of a consumer."""
    tokens = reply.split(b".")
    if tokens[:2] != [b"$JS", b"ACK"] or len(tokens) < _SHORT:
        raise ValueError("not a consumer's delivery")
    at = 5 if len(tokens) == _SHORT else 7
    sequence, nth, stored_ns = map(int, tokens[at : at + 3])
    return Delivered(subject.decode(errors="replace"), payload, sequence, nth, stored_ns)
