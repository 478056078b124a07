"""What the log says of a run: who took calls over and when, and whether all adds up."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.codec import Codec
from contracts.dialog import CallEnded
from contracts.event import OwnerClaimed
from contracts.ids import CallId, TenantId
from contracts.line import LineResumed
from contracts.recorded import Recorded
from contracts.streams import CALLS
from infra.agents import Agents
from infra.call_log import CallLog
from infra.journal import NatsJournal
from infra.nats import Bus
from infra.postgres import connect_pool
from loadtest.chaos.inflicting import Done
from projections.run import caught_up
from services.call.verify import Finding
from services.cli.recorded import history
from services.cli.settings import Settings
from services.cli.verifying import verify_log

_TABLES_WITHIN_S: Final = 30.0
_ENDED_WITHIN_S: Final = 150.0  # a line that nobody ends is let go by its actor after 120 s
_CAUSE_S: Final = 30.0  # a takeover that comes later than this has another cause


class Takeover(msgspec.Struct, frozen=True, kw_only=True):
    """A call that got another owner."""

    call: str
    role: str
    epoch: int
    at_s: float  # when the claim was stored; UNIX time
    owner: str
    before: str  # the owner before, empty: unknown
    gap_ms: float | None = None  # since the fault of the owner before; None: there was none
    kind: str = ""  # of that fault


class Verdict(msgspec.Struct, kw_only=True):
    """Of all the calls of a run."""

    calls: int = 0
    decisions: int = 0
    rows: int = 0  # of tables, compared with the log
    takeovers: list[Takeover] = []
    wrong: list[str] = []


async def judge(bus: Bus, codec: Codec, dsn: str, done: Sequence[Done]) -> Verdict:
    """Wait until all calls have ended, then check every call and every row of the tables."""
    journal, tenant = NatsJournal(bus, codec), Settings().tenant
    verdict = Verdict()
    deadline_s = time.monotonic() + _ENDED_WITHIN_S
    for call in await CallLog(bus, journal.codec).calls(tenant):
        recorded = await _ended(journal, tenant, call, deadline_s)
        verdict.takeovers += takeovers(recorded, done)
    await _wait_for_tables(bus, dsn)
    pool = await connect_pool(dsn)
    try:
        found = await verify_log(bus, journal, Agents(bus), pool, tenant)
    finally:
        await pool.close()
    verdict.calls, verdict.decisions, verdict.rows = found.calls, found.decisions, found.rows
    verdict.wrong += [_says(finding) for finding in found.log]
    for broken in found.broken:
        verdict.wrong += [f"call {broken.call}: {_says(finding)}" for finding in broken.findings]
    if found.going_on:
        verdict.wrong.append(f"{found.going_on} calls have not ended in the log")
    return verdict


async def _ended(
    journal: NatsJournal, tenant: TenantId, call: CallId, deadline_s: float
) -> list[Recorded]:
    while True:
        recorded = await history(journal, tenant, call)
        if _has_ended(recorded) or time.monotonic() > deadline_s:
            return recorded
        await asyncio.sleep(0.5)


def _has_ended(recorded: Sequence[Recorded]) -> bool:
    return any(isinstance(e, CallEnded) for each in recorded for e in each.message.events)


async def _wait_for_tables(bus: Bus, dsn: str) -> None:
    """A projection that was killed last has yet to start again; what it lacks then is told."""
    last = (await bus.js.stream_info(CALLS.name)).state.last_seq
    pool = await connect_pool(dsn)
    try:
        with contextlib.suppress(TimeoutError):
            await caught_up(pool, last, within_s=_TABLES_WITHIN_S)
    finally:
        await pool.close()


def _says(finding: Finding) -> str:
    return f"{finding.kind} at {finding.sequence}: {finding.says}"


def takeovers(recorded: Sequence[Recorded], done: Sequence[Done]) -> list[Takeover]:
    """The owners of a call after its first ones, and its lines after its first one.

    Until it has ended: whoever gets a recogniser's claim again after that finds nobody waiting.
    """
    owners: dict[str, str] = {}
    found: list[Takeover] = []
    for each in recorded:
        for event in each.message.events:
            match event:
                case OwnerClaimed(role=role, epoch=epoch):
                    if epoch > 1:
                        found.append(_takeover(each, role, epoch, owners.get(role, ""), done))
                    owners[role] = each.message.by
                case CallEnded():
                    return found
                case LineResumed(stint=stint):
                    found.append(_takeover(each, "line", stint, owners.get("line", ""), done))
                case _:
                    pass
        if each.family == "line":
            owners["line"] = each.message.by
    return found


def _takeover(
    recorded: Recorded, role: str, epoch: int, before: str, done: Sequence[Done]
) -> Takeover:
    at_s = recorded.stored_ms / 1000
    cause = _cause(before, at_s, done)
    return Takeover(
        call=recorded.call,
        role=role,
        epoch=epoch,
        at_s=at_s,
        owner=recorded.message.by,
        before=before,
        gap_ms=round((at_s - cause.at_s) * 1000, 1) if cause else None,
        kind=cause.kind if cause else "",
    )


def _cause(before: str, at_s: float, done: Sequence[Done]) -> Done | None:
    """The newest fault of the process that owned the call before: `<role>-<pid>-<random>`."""
    pid = before.split("-")[1] if before.count("-") == 2 else ""
    own = [d for d in done if str(d.pid) == pid and 0 <= at_s - d.at_s < _CAUSE_S]
    shared = [d for d in done if d.kind == "nats" and 0 <= at_s - d.at_s < _CAUSE_S]
    return max(own or shared, key=lambda d: d.at_s, default=None)
