"""The port through which personal data is sealed: what the codec asks, and what goes wrong."""

from collections.abc import Collection
from typing import Literal, NamedTuple, Protocol

from contracts.ids import CallId
from contracts.marked_fields import Hand
from contracts.recorded import Message


class Unreadable(Exception):
    """Bytes that no contract covers. Says where they break, never what they hold."""


class KeyWanted(Exception):
    """A call's key is not at hand: `Seal.fetch` it and try again, as Codec.read and .write do."""

    def __init__(self, call: CallId) -> None:
        super().__init__("the call's key is not at hand")
        self.call = call


class Locked(Exception):
    """Personal data is sealed and this process has not the master key. Says what to do."""


class Opener(NamedTuple):
    """What opens a call's sealed fields, and what its messages are then."""

    hand: Hand
    sealed: Literal["", "erased"]


class Seal(Protocol):
    """Closes marked fields before bytes are made and opens them after bytes are read."""

    def close(self, call: CallId, message: Message) -> Message:
        """The message with its marked fields sealed, where the call has a key; the same each time.

        Raises: KeyWanted.
        """
        ...

    def opener(self, call: CallId) -> Opener:
        """For messages that say they are sealed. Raises KeyWanted.

        Its hand makes marked fields as they were, or erased; it raises Unreadable when a sealed
        field was changed.
        """
        ...

    async def fetch(self, calls: Collection[CallId]) -> None:
        """Have the keys of these calls at hand. Raises: Locked, JournalUnavailable."""
        ...

    async def begin(self, call: CallId) -> None:
        """Make a new call's key before anything is stored of it; one that has a key keeps it.

        Raises: Locked, JournalUnavailable.
        """
        ...

    def forget(self, call: CallId) -> None:
        """The call was erased: nothing of it can be opened from here on."""
        ...


class Unsealed:
    """Leaves every field as it is, and opens nothing."""

    def close(self, call: CallId, message: Message) -> Message:
        return message

    def opener(self, call: CallId) -> Opener:
        raise Locked("The calls in this log are sealed, and no way to their keys was given.")

    async def fetch(self, calls: Collection[CallId]) -> None:
        pass

    async def begin(self, call: CallId) -> None:
        pass

    def forget(self, call: CallId) -> None:
        pass
