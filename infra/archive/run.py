"""The archiver: what is closed and old enough goes to the archive, and then from the stream.

The order is what keeps calls safe. A segment is written, read back and compared with what the log
holds; its manifest makes it exist; only then the stream lets its calls go. A run that was killed
anywhere is simply run again: a segment without a manifest counts for nothing, and calls that are
in the archive and still in the stream are compared and let go.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from datetime import date
from typing import Final

from contracts.ids import CallId, TenantId, new_host_id
from contracts.journal import JournalUnavailable
from infra.archive.day import Day, Means
from infra.archive.days import ring_day, stored_day
from infra.archive.errors import ArchiveError
from infra.archive.lease import LeaseLost, OtherArchiver, leased
from infra.archive.letting_go import LettingGo
from infra.archive.log import Old, StoredCalls
from infra.archive.outcome import Outcome
from infra.archive.reading import Archive
from infra.nats import Bus

DAY_MS: Final = 86_400_000.0
_log: Final = logging.getLogger("partyline.archive")
_PASS_CALLS: Final = 20_000  # looked up, written and let go before the next are
_HOUR_S: Final = 3600.0


async def archive_calls(
    bus: Bus, archive: Archive, *, before_ms: float, now_ms: float | None = None, dry: bool = False
) -> Outcome:
    """Archive all calls that were closed before a time, and let the stream forget them.

    Args:   before_ms: UNIX time by the log's clock; `now_ms`: the present, for tests.
            dry: change nothing, and say what would be archived.
    Raises: OtherArchiver, LeaseLost, ArchiveAway, JournalUnavailable. Running again goes on.
    """
    began_s = time.perf_counter()
    now_ms = time.time() * 1000 if now_ms is None else now_ms
    async with leased(bus, new_host_id("archive")) as lease:
        log, going, outcome = StoredCalls(bus), LettingGo(bus), Outcome()
        means = Means(archive, log, going, lease, outcome, before_ms, now_ms, dry)
        await _Run(means).all()
    outcome.took_s = time.perf_counter() - began_s
    return outcome


class _Run:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._strange: set[tuple[str, str]] = set()
        self._stay: set[tuple[str, str]] = set()  # looked at once

    async def all(self) -> None:
        """In passes, so that memory does not grow with the log."""
        means = self._means
        if not means.dry:
            means.going.add_canaries(await means.log.canaries(means.before_ms))
        start: int | None = 1
        while start:
            found = await means.log.old(
                start, before_ms=means.before_ms, now_ms=means.now_ms, most=_PASS_CALLS
            )
            await self._archive(old for old in found.calls if old[:2] not in self._stay)
            if not means.dry:
                means.outcome.let_go += await means.going.purge(means.lease)
            means.outcome.oldest = means.outcome.oldest or self._first_that_stays(found.calls)
            self._strange |= found.strange
            start = found.go_on
        means.outcome.strange = len(self._strange)
        means.outcome.deleted = await means.going.holes()

    async def _archive(self, calls: Iterable[Old]) -> None:
        """By day and tenant, so that segments are as large as they can be."""
        days: dict[tuple[date, TenantId], list[CallId]] = {}
        for old in calls:
            days.setdefault((await self._day(old), old.tenant), []).append(old.call)
        for day, tenant in sorted(days):
            stayed = await Day(self._means, tenant, day).archive(sorted(days[day, tenant]))
            self._stay |= {(tenant, call) for call in stayed}

    def _first_that_stays(self, calls: Iterable[Old]) -> str:
        return next((f"{o.tenant}/{o.call}" for o in calls if o[:2] in self._stay), "")

    async def _day(self, old: Old) -> date:
        """The ring's; where the id does not tell, that of what is archived, or of the log."""
        if day := ring_day(old.call):
            return day
        group = await self._means.archive.groups.of_call(old.tenant, old.call)
        return group.day if group else stored_day(old.stored)


def whole_days_ms(after_days: float) -> float:
    """The last midnight, UTC, that was so many days ago, UNIX milliseconds.

    Days that are archived as a whole make one segment each, not one for every run.
    """
    return (time.time() * 1000 - after_days * DAY_MS) // DAY_MS * DAY_MS


async def keep_archiving(bus: Bus, archive: Archive, *, after_days: float) -> None:
    """Look once an hour for days that are old enough as a whole, until cancelled."""
    while True:
        try:
            _tell(await archive_calls(bus, archive, before_ms=whole_days_ms(after_days)))
        except OtherArchiver as busy:
            _log.info("%s", busy)
        except (ArchiveError, JournalUnavailable, LeaseLost) as failed:
            _log.warning("archiving goes on in an hour: %s", failed)
        await asyncio.sleep(_HOUR_S)


def _tell(outcome: Outcome) -> None:
    if outcome.calls:
        _log.info("%d calls archived, %d messages", outcome.calls, outcome.messages)
    for wrong in outcome.wrong:
        _log.error("archive: %s", wrong)
