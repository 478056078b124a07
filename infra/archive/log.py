"""The stream as the archiver reads it: which calls are old enough, and their messages as bytes."""

import asyncio
from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

from contracts.ids import BadId, CallId, TenantId, checked
from contracts.journal import JournalUnavailable
from contracts.streams import CALLS, CANARY, call_subject, parse_call_subject
from infra.archive.raw_get import Raw, raw_get
from infra.archive.segment import StoredMessage
from infra.cancelling import stop_if_cancelled
from infra.journal import NatsJournal
from infra.nats import Bus
from infra.stamps import unix_ms

_BATCH: Final = 1000
_ANSWER_S: Final = 5.0  # between two messages
_ASKED_TIMES: Final = 5  # without progress
_PAUSE_S: Final = 0.05  # after the first; then doubled
_FUTURE_MS: Final = 3_600_000.0  # ahead of our own clock: a server's was wrong for a while


class Old(NamedTuple):
    """A call that has a message from before the time asked for."""

    tenant: TenantId
    call: CallId
    stored: str  # RFC 3339, of the first message that was seen


class Found(NamedTuple):
    """What one look at the stream found."""

    calls: list[Old]  # in stored order
    strange: set[tuple[str, str]]  # calls whose names no contract covers: they can't be archived
    go_on: int | None  # the stream sequence to look on from; None: all was seen


class StoredCalls(NatsJournal):
    """Reads the log as NatsJournal does, without decoding. Raises JournalUnavailable."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus)

    async def stored(self, tenant: TenantId, call: CallId) -> list[StoredMessage]:
        """All messages of a call that the stream holds."""
        subject, found = call_subject(tenant, call, "*"), list[StoredMessage]()
        after = 0
        while batch := await self._raw(subject, after + 1):
            found += map(_as_stored, batch)
            after = found[-1].sequence
        return found

    async def old(self, start: int, *, before_ms: float, now_ms: float, most: int) -> Found:
        """Some `most` calls with messages stored before a time, from a stream sequence on.

        Times are UNIX milliseconds by the server's clock.
        """
        calls: dict[tuple[str, str], Old] = {}
        strange: set[tuple[str, str]] = set()
        while len(calls) < most:
            batch = await self._raw(CALLS.subjects[0], start)
            stored_ms = [unix_ms(message.stored) for message in batch]
            for message, each_ms in zip(batch, stored_ms, strict=True):
                if each_ms < before_ms:
                    _note(message, calls, strange)
            if all_young(stored_ms, before_ms=before_ms, now_ms=now_ms):
                return Found(list(calls.values()), strange, None)
            start = batch[-1].sequence + 1
        return Found(list(calls.values()), strange, start)

    async def canaries(self, before_ms: float) -> "array[int]":
        """Stream sequences of the canaries stored before a time."""
        found = array("Q")
        while True:
            batch = await self._raw(CANARY, found[-1] + 1 if found else 1)
            old = [each.sequence for each in batch if unix_ms(each.stored) < before_ms]
            found.extend(old)
            if not batch or len(old) < len(batch):
                return found

    async def _raw(self, subject: str, start: int) -> list[Raw]:
        """The next messages; [] where the stream's leader says that there are none."""
        for tried in range(_ASKED_TIMES):
            stop_if_cancelled()
            batch = await raw_get(self._bus, subject, start=start, most=_BATCH, wait_s=_ANSWER_S)
            if batch:
                return batch
            if await self._is_end(subject, start):
                return []
            await asyncio.sleep(_PAUSE_S * 2**tried)
        raise JournalUnavailable("the log did not answer")


def all_young(stored_ms: Sequence[float], *, before_ms: float, now_ms: float) -> bool:
    """Whether nothing old comes behind these messages; so it is where there are none.

    One from the future tells nothing: the server's clock was ahead, and was set back since.
    """
    return all(before_ms <= each <= now_ms + _FUTURE_MS for each in stored_ms)


def _note(message: Raw, calls: dict[tuple[str, str], Old], strange: set[tuple[str, str]]) -> None:
    place = parse_call_subject(message.subject)
    try:
        checked("tenant", place.tenant)
        checked("call", place.call)
    except BadId:
        strange.add(place[:2])
        return
    calls.setdefault(place[:2], Old(place.tenant, place.call, message.stored))


def _as_stored(message: Raw) -> StoredMessage:
    family = parse_call_subject(message.subject).family
    return StoredMessage(family, message.sequence, message.stored, message.id, message.payload)
