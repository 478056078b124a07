"""Which calls can be erased: one by its id, or all of a caller, found in the log itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from enum import Enum
from typing import Any, Final, NamedTuple

from contracts.codec import is_sealed
from contracts.dialog import CallEnded
from contracts.ids import CallId, TenantId
from contracts.journal import JournalUnavailable
from contracts.line import LineRang
from contracts.marked_fields import exchanged
from contracts.outcome import CallErased
from contracts.recorded import Recorded
from contracts.streams import CALLS, call_subject
from infra.archive import Archive
from infra.call_log import CallLog
from infra.direct_get import direct_get
from infra.journal import NatsJournal
from infra.nats import Bus
from infra.settling import AWAY
from services.cli.phone_number import same_number

_AT_ONCE: Final = 25  # calls asked for
_ANSWER_S: Final = 2.0
_LEFT_ALONE_MS: Final = 3_600_000  # a call of which nothing came for so long does not go on


class Standing(Enum):
    """What erasing a call would mean."""

    READY = "ready"
    GOES_ON = "goes on"
    ERASED = "erased"  # it was, and its log says so
    CLEAR = "clear"  # its words stand in the log as they were said: there is no key to delete


class Found(NamedTuple):
    """A call, without a word of it."""

    call: CallId
    began_ms: float  # UNIX time in milliseconds
    standing: Standing


class Calls:
    """The calls of a tenant, in the log and in the archive."""

    def __init__(
        self, bus: Bus, journal: NatsJournal, archive: Archive | None, tenant: TenantId
    ) -> None:
        self._bus, self._journal, self._archive, self._tenant = bus, journal, archive, tenant
        self._log = CallLog(bus, journal.codec, archive)

    async def by_id(self, call: CallId) -> Found | None:
        """None where nothing is stored of it. Raises JournalUnavailable, ArchiveError, Locked."""
        history = (await self._log.read(self._tenant, call)).history
        if not history:
            return None
        return Found(call, history[0].stored_ms, _standing(history))

    async def of_caller(self, wanted: str) -> AsyncIterator[Found]:
        """All calls from this number. An erased call has no number any more, and is not found.

        Memory: the ids of all calls, and some calls. Raises as `by_id`.
        """
        calls = await self._log.calls(self._tenant)
        if self._archive is not None:
            calls = sorted({*calls, *await self._archive.calls(self._tenant)})
        for start in range(0, len(calls), _AT_ONCE):
            some = calls[start : start + _AT_ONCE]
            callers = await asyncio.gather(*(self._caller(call) for call in some))
            for call, caller in zip(some, callers, strict=True):
                if caller and same_number(caller, wanted):
                    found = await self.by_id(call)
                    if found is not None:
                        yield found

    async def _caller(self, call: CallId) -> str:
        first = await self._first(call)
        if first is None and self._archive is not None:
            history = (await self._archive.read(self._tenant, call)).history
            first = next((event for each in history for event in each.message.events), None)
        return first.caller if isinstance(first, LineRang) else ""

    async def _first(self, call: CallId) -> object:
        """The first that is stored of the line; None where the stream has let go of it."""
        subject = call_subject(self._tenant, call, "line")
        stored = direct_get(self._bus, CALLS.name, subject, start=1, most=1, wait_s=_ANSWER_S)
        try:
            async with aclosing(stored):
                async for message in stored:
                    recorded = await self._journal.recorded(message)
                    return recorded.message.events[0]
        except AWAY:
            raise JournalUnavailable("the log did not answer") from None
        return None


def _standing(history: Sequence[Recorded]) -> Standing:
    events = [event for recorded in history for _, event in recorded.events()]
    if any(isinstance(event, CallErased) for event in events):
        return Standing.ERASED
    silent_ms = time.time() * 1000 - history[-1].stored_ms
    if not any(isinstance(event, CallEnded) for event in events) and silent_ms < _LEFT_ALONE_MS:
        return Standing.GOES_ON
    if not any(is_sealed(recorded.payload) for recorded in history) and _tells(history):
        return Standing.CLEAR
    return Standing.READY


def _tells(history: Sequence[Recorded]) -> bool:
    """Whether there is anything personal in it."""
    looking = _Looking()
    for recorded in history:
        exchanged(recorded.message, looking)
    return looking.found


class _Looking:
    """A hand that changes nothing."""

    found = False

    def text(self, place: str, value: str) -> str:
        self.found = True
        return value

    def whole(self, place: str, value: dict[str, Any]) -> dict[str, Any]:
        self.found = True
        return value

    def values(self, place: str, value: dict[str, str]) -> dict[str, str]:
        self.found = True
        return value
