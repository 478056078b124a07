"""What is to be done with one old call."""

from typing import Final, NamedTuple, TypeAlias

from contracts.ids import CallId
from infra.archive.closed import closed_ms
from infra.archive.errors import SegmentDamaged
from infra.archive.groups import Group
from infra.archive.reading import Archive
from infra.archive.segment import StoredMessage


class Goes(NamedTuple):
    """It can be let go once these are archived; () when all is there already."""

    missing: list[StoredMessage]


class Open(NamedTuple):
    """It is not closed, or not for long enough: it stays."""


class Differs(NamedTuple):
    """The stream and the archive tell different things of it: it stays in both."""


Fate: TypeAlias = Goes | Open | Differs


class Deciding:
    """Compares calls of a tenant's day with what is archived of them."""

    def __init__(self, archive: Archive, group: Group, before_ms: float, now_ms: float) -> None:
        self._archive, self._group = archive, group
        self._before_ms, self._now_ms = before_ms, now_ms
        self.damaged: Final[list[SegmentDamaged]] = []

    async def on(self, call: CallId, messages: list[StoredMessage]) -> Fate:
        """`messages`: all that the stream holds of it, at least one. Raises ArchiveAway."""
        archived = await self._archived(call)
        if archived:
            known = {each.sequence: each for each in archived}
            if any(known.get(each.sequence, each) != each for each in messages):
                return Differs()
            return Goes([each for each in messages if each.sequence not in known])
        since_ms = closed_ms(messages, self._now_ms)
        if since_ms is None or since_ms >= self._before_ms:
            return Open()
        return Goes(messages)

    async def _archived(self, call: CallId) -> list[StoredMessage]:
        """Read back now: nothing is let go on the word of a segment that was damaged since."""
        if call not in self._group.entries:
            return []
        try:
            return await self._archive.stored_in(self._group, call)
        except SegmentDamaged as damaged:
            self.damaged.append(damaged)
            return []
