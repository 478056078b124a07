"""partyline verify: whether the log is whole, and whether the tables are what it makes of them."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Final

from contracts.agent import Agent
from contracts.dialog import CallOpened
from contracts.ids import CallId, TenantId, checked
from contracts.line import LineRang
from infra.agents import Agents, NoSuchAgent
from infra.archive import Archive, SegmentDamaged
from infra.call_log import CallLog, Extent, WholeCall
from infra.journal import NatsJournal
from infra.nats import Bus, connect
from infra.postgres import Pool, connect_pool
from projections.agents.comparing import compared
from projections.comparing import Difference, Halted, calls_in_tables, compare, remembered
from projections.reading import Stored, Unread
from projections.run import caught_up
from services.call.verify import Finding, verify
from services.cli.archiving import archive_of
from services.cli.forgotten import expires, was_kept, wrong_with_the_log
from services.cli.places import find
from services.cli.recorded import NoSuchCall
from services.cli.sealing import journal_of
from services.cli.settings import Settings
from services.cli.verdict import Broken, Verified, print_json, print_verdict

_AT_ONCE: Final = 25  # calls in memory
_TABLES_WITHIN_S: Final = 10.0


async def verify_calls(
    bus: Bus,
    journal: NatsJournal,
    agents: Agents,
    pool: "Pool | None",
    tenant: TenantId,
    calls: Sequence[CallId],
    archive: Archive | None = None,
) -> Verified:
    """Check these calls and their rows. `pool`: None leaves the tables out.

    Memory: that of some calls, however many there are. Raises: JournalUnavailable, ArchiveAway.
    """
    return await _Examination(bus, journal, agents, pool, tenant, archive).of_calls(calls)


async def verify_log(
    bus: Bus,
    journal: NatsJournal,
    agents: Agents,
    pool: "Pool | None",
    tenant: TenantId,
    archive: Archive | None = None,
) -> Verified:
    """Check all calls of a tenant, and that nothing was deleted nor added beside them.

    Raises: JournalUnavailable, ArchiveAway.
    """
    examination = _Examination(bus, journal, agents, pool, tenant, archive)
    calls = await examination.log.calls(tenant)
    damaged: list[SegmentDamaged] = []
    if archive is not None:
        calls = sorted({*calls, *await archive.calls(tenant, damaged.append)})
    found = await examination.of_calls(calls)
    found.log += await wrong_with_the_log(examination.log, archive, damaged, found)
    found.log += await examination.rows_without_a_call(calls)
    await examination.of_agents()
    return found


async def verify_command(settings: Settings, call: str | None, tables: bool, as_json: bool) -> int:
    """Check one call, or all with None, and print it. Exit code 1 when something is wrong."""
    places = find(settings, *(("nats", "postgres") if tables else ("nats",)))
    async with AsyncExitStack() as opened:
        bus = await connect(places.nats, name="partyline verify")
        opened.push_async_callback(bus.close)
        pool = await connect_pool(places.postgres) if tables else None
        if pool:
            opened.push_async_callback(pool.close)
        found = await _verified(bus, journal_of(bus, places), pool, settings, call)
    (print_json if as_json else print_verdict)(found)
    return 0 if found.whole else 1


async def _verified(
    bus: Bus, journal: NatsJournal, pool: "Pool | None", settings: Settings, call: str | None
) -> Verified:
    agents = Agents(bus)
    archive = archive_of(settings, journal.codec)
    if call is None:
        return await verify_log(bus, journal, agents, pool, settings.tenant, archive)
    one = CallId(checked("call", call))
    found = await verify_calls(bus, journal, agents, pool, settings.tenant, [one], archive)
    if not found.messages and not found.expiring:
        raise NoSuchCall(f"The log holds no call {call}. 'partyline calls' lists those it holds.")
    return found


class _Examination:
    """Of some calls of one tenant."""

    def __init__(
        self,
        bus: Bus,
        journal: NatsJournal,
        agents: Agents,
        pool: "Pool | None",
        tenant: TenantId,
        archive: Archive | None,
    ) -> None:
        self.log: Final = CallLog(bus, journal.codec, archive)
        self._bus = bus
        self._agents, self._pool, self._tenant = agents, pool, tenant
        self._found = Verified()
        self._damaged: dict[CallId, SegmentDamaged] = {}

    async def of_calls(self, calls: Sequence[CallId]) -> Verified:
        began_s = time.perf_counter()
        extent = await self.log.extent()
        await self._wait_for_tables(extent)
        for start in range(0, len(calls), _AT_ONCE):
            await self._examine(calls[start : start + _AT_ONCE], extent)
        self._found.took_s = time.perf_counter() - began_s
        return self._found

    async def of_agents(self) -> None:
        """The table agents, which is made from a stream of its own."""
        if self._pool is None:
            return
        found = await compared(self._bus, self._pool, self._tenant, within_s=_TABLES_WITHIN_S)
        self._found.rows += found.rows
        self._found.log += [Finding(kind="rows", says=says) for says in found.wrong]
        if found.behind:
            says = f"the table agents is {found.behind} behind"
            self._found.log.append(Finding(kind="behind", says=says))

    async def rows_without_a_call(self, calls: Iterable[CallId]) -> list[Finding]:
        """Calls in the tables of which the log has nothing, though it is too young to forget."""
        if self._pool is None:
            return []
        extent = await self.log.extent()
        in_tables = await calls_in_tables(self._pool, self._tenant)
        strange = [call for call in in_tables.keys() - set(calls) if not was_kept(call, extent)]
        return [
            Finding(kind="rows", says=f"{', '.join(in_tables[call])}: rows of call {call}")
            for call in sorted(strange)
            if (read := await self._read(call)) is None or not read.history  # else it began now
        ]

    async def _wait_for_tables(self, extent: Extent) -> None:
        if self._pool is None:
            return
        try:
            await caught_up(self._pool, extent.newest, within_s=_TABLES_WITHIN_S)
        except TimeoutError as behind:
            self._found.log.append(Finding(kind="behind", says=f"the tables are {behind}"))

    async def _examine(self, calls: Sequence[CallId], extent: Extent) -> None:
        live = await remembered(self._pool, self._tenant, calls) if self._pool else []
        wrong: dict[CallId, list[Finding]] = {call: [] for call in calls}
        stored: dict[CallId, list[Stored]] = {}
        reads = (self._read(call) for call in calls)
        for call, whole in zip(calls, await asyncio.gather(*reads), strict=True):
            if whole is None:
                says = f"its archived part can't be read: {self._damaged.pop(call)}"
                wrong[call].append(Finding(kind="altered", says=says))
                continue
            if expires(whole, extent):
                self._found.expiring += 1
                continue
            wrong[call] += await self._check(whole)
            stored[call] = _as_projections_read(whole)
        for each in live:
            self._found.rows += sum(map(len, each.rows.values()))
            for difference in compare(each, self._tenant, stored):
                wrong[difference.call].append(_finding(difference))
        self._found.calls += len(calls)
        self._found.broken += [Broken(call=c, findings=tuple(f)) for c, f in wrong.items() if f]

    async def _read(self, call: CallId) -> WholeCall | None:
        """None where the archive's part of it is damaged, and then why is noted."""
        try:
            return await self.log.read(self._tenant, call)
        except SegmentDamaged as damaged:
            self._damaged[call] = damaged
            return None

    async def _check(self, whole: WholeCall) -> tuple[Finding, ...]:
        if not whole.history:
            return (Finding(kind="removed", says="the log holds nothing of this call"),)
        checked = verify(
            whole.history,
            await self._agent(whole),
            now_ms=time.time() * 1000,
            unreadable=whole.unreadable,
        )
        found = self._found
        found.messages += checked.messages
        found.events += checked.events
        found.decisions += checked.decisions
        found.facts += checked.facts
        found.outside += checked.outside
        found.going_on += not checked.ended
        found.erased += checked.erased
        found.uncovered += not checked.covered
        return checked.findings

    async def _agent(self, whole: WholeCall) -> Agent | None:
        """The revision the call was held by; None when nobody says or it is not there."""
        for recorded in whole.history:
            for _, event in recorded.events():
                if isinstance(event, LineRang | CallOpened):
                    try:
                        return await self._agents.get(self._tenant, event.agent)
                    except NoSuchAgent:
                        return None
        return None


def _as_projections_read(whole: WholeCall) -> list[Stored]:
    return [
        Unread(r.tenant, r.call, r.sequence, whole.unreadable[r.sequence])
        if r.sequence in whole.unreadable
        else r
        for r in whole.history
    ]


def _finding(difference: Difference | Halted) -> Finding:
    match difference:
        case Difference(table=table, key=key, what=what):
            row = f"row {key}" if key else "its row"
            return Finding(kind="rows", says=f"{table}: {row} {what}")
        case Halted(projection=projection, sequence=sequence, error=error, parked=parked):
            says = "does not follow the call from here on" if parked else "would refuse this now"
            return Finding(kind="parked", says=f"{projection} {says}: {error}", sequence=sequence)


__all__ = ["Verified", "verify_calls", "verify_command", "verify_log"]
