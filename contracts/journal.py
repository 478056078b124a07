"""The log of calls, as those see it who write and read it."""

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple, Protocol

from contracts.ids import CallId, TenantId
from contracts.recorded import Message, Recorded
from contracts.streams import Family


class WrongVersion(Exception):
    """Someone else wrote to this subject since it was read. Nothing was stored."""


class JournalUnavailable(Exception):
    """The log could not be reached in time. Whether the message was stored is not known;
    the same message with the same id may be appended again."""


class Appended(NamedTuple):
    """Where a message was stored; `duplicate`: its id had been stored before."""

    sequence: int
    duplicate: bool
    payload: bytes


class Journal(Protocol):
    """Appends and reads the messages of calls."""

    async def append(
        self,
        tenant: TenantId,
        call: CallId,
        family: Family,
        message: Message,
        *,
        id: str,
        after: int | None = None,
    ) -> Appended:
        """Store a message and wait for the server's word.

        Args:   id: derives from the message's cause, so the same input has the same id.
                after: stream sequence of the last message of this very subject, 0: none yet;
                given, the append fails when another message is there. None: no check, and the
                same message may only be repeated within two minutes, or it is stored twice.
        Raises: WrongVersion, JournalUnavailable.
        """
        ...

    def read(
        self,
        tenant: TenantId,
        call: CallId,
        family: Family | None = None,
        *,
        after: int = 0,
        left_out: Callable[[int], None] | None = None,
    ) -> AsyncIterator[Recorded]:
        """A call's messages in stored order, those with a sequence above `after`.

        A message that no contract covers is left out; `left_out` is told its sequence.
        Raises: JournalUnavailable.
        """
        ...
