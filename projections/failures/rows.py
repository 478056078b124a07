"""A row of the table failures, and what is kept in mind to make it."""

from typing import Final

import msgspec

from projections.moments import Moment, moment

_UNSET: Final = moment(0)

Key = tuple[int, int]  # of a failure in its call: stream sequence and index


class FailureRow(msgspec.Struct):
    """All columns; at, stage and kind are set when the row is made."""

    tenant: str
    call: str
    sequence: int
    index: int
    at: Moment = _UNSET
    stage: str = ""
    kind: str = ""
    provider: str | None = None
    tool: str | None = None
    turn: int | None = None
    reply: int | None = None
    in_a_row: int | None = None
    followed: str | None = None


class Utterance(msgspec.Struct):
    """A note: the failure that an utterance is."""

    tenant: str
    call: str
    utterance: int
    failure: Key | None = None


class Reply(msgspec.Struct):
    """A note: the turn of a reply, most of whose events do not name it."""

    tenant: str
    call: str
    reply: int
    turn: int | None = None


class Use(msgspec.Struct):
    """A note: the turn of a tool's use."""

    tenant: str
    call: str
    invocation: str
    turn: int | None = None


class Talk(msgspec.Struct):
    """A note: how far the call is."""

    tenant: str
    call: str
    given_up: int = 0  # this reply and those before it are over: what is left of them is dropped
    over: bool = False
    answered: tuple[int, int, str] = (-1, 0, "")  # the newest turn answered, its reply, and how
    played: tuple[int, str] = (0, "")  # the newest reply that is over for the caller, and how
    waiting: list[Key] = []  # failures of which it is not known yet what followed
