"""One tenant's day in one run: its calls read, judged, and put into segments."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Final, NamedTuple

from contracts.ids import CallId, TenantId
from infra.archive.deciding import Deciding, Differs, Goes, Open
from infra.archive.lease import Lease
from infra.archive.letting_go import LettingGo
from infra.archive.log import StoredCalls
from infra.archive.outcome import Outcome
from infra.archive.reading import Archive
from infra.archive.segment import StoredMessage, folder
from infra.archive.tidying import tidy
from infra.archive.writing import Writer

_AT_ONCE: Final = 8  # calls read from the log


class Means(NamedTuple):
    """What a run works with. Times in UNIX milliseconds by the log's clock."""

    archive: Archive
    log: StoredCalls
    going: LettingGo
    lease: Lease
    outcome: Outcome
    before_ms: float
    now_ms: float
    dry: bool


class Day:
    """Archives a tenant's calls of one day."""

    def __init__(self, means: Means, tenant: TenantId, day: date) -> None:
        self._means, self._tenant, self._day = means, tenant, day
        self._unsaved: list[tuple[CallId, array[int]]] = []  # in the segment that is being made

    async def archive(self, calls: Sequence[CallId]) -> list[CallId]:
        """All of them that are closed; those that stay. Raises as archive_calls does."""
        means = self._means
        group = await means.archive.groups.of_day(self._tenant, self._day)
        deciding = Deciding(means.archive, group, means.before_ms, means.now_ms)
        number = len(group.manifests) + len(group.damaged) + 1
        writer = Writer(means.archive.store, self._tenant, self._day, number)
        stay = []
        async for call, messages in self._read(calls):
            match await deciding.on(call, messages):
                case Goes(missing):
                    await self._take(writer, call, messages, missing)
                case Open():
                    means.outcome.open += 1
                    stay.append(call)
                case Differs():
                    means.outcome.wrong.append(f"call {call}: the archive tells otherwise")
                    stay.append(call)
        await self._finish(writer)
        means.outcome.wrong += map(str, group.damaged + deciding.damaged)
        await self._tidy()
        return stay

    async def _read(
        self, calls: Sequence[CallId]
    ) -> AsyncIterator[tuple[CallId, list[StoredMessage]]]:
        for start in range(0, len(calls), _AT_ONCE):
            some = calls[start : start + _AT_ONCE]
            reads = (self._means.log.stored(self._tenant, call) for call in some)
            for call, messages in zip(some, await asyncio.gather(*reads), strict=True):
                if messages:  # else another let it go just now
                    yield call, messages

    async def _take(
        self,
        writer: Writer,
        call: CallId,
        messages: list[StoredMessage],
        missing: list[StoredMessage],
    ) -> None:
        sequences = array("Q", (each.sequence for each in messages))
        if not missing:
            self._means.going.add(self._tenant, call, sequences)
        elif self._means.dry:
            outcome = self._means.outcome
            outcome.calls += 1
            outcome.messages += len(missing)
            outcome.raw_bytes += sum(len(each.payload) for each in missing)
        else:
            await writer.add(call, missing)
            self._unsaved.append((call, sequences))
            if writer.full:
                await self._finish(writer)

    async def _finish(self, writer: Writer) -> None:
        """Only what this stored and read back may go."""
        if writer.empty:
            return
        self._means.lease.check()
        written, outcome = await writer.finish(), self._means.outcome
        for call, sequences in self._unsaved:
            self._means.going.add(self._tenant, call, sequences)
        self._unsaved = []
        outcome.segments += 1
        outcome.calls += written.calls
        outcome.messages += written.messages
        outcome.raw_bytes += written.raw_bytes
        outcome.bytes += written.bytes

    async def _tidy(self) -> None:
        if not self._means.dry:
            store = self._means.archive.store
            await tidy(store, await store.listing(folder(self._tenant, self._day)))
