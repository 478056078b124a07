"""Owners of calls behind flaky connections, and what must hold whatever befalls their appends.

All is drawn from a seed; how it interleaves is the network's own.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Final, NamedTuple

import nats.errors
from eventually import eventually_async
from nats_fates import CUT_AFTER, CUT_BEFORE, LOST, PASS, TWICE, Fate, Fates, in_turn
from nats_proxy import proxy

from contracts.ids import CallId, TenantId, new_call_id
from contracts.journal import JournalUnavailable, WrongVersion
from contracts.line import LineAnswered
from contracts.recorded import Message
from contracts.streams import Family
from infra.journal import NatsJournal
from infra.nats import Bus, connect

TENANT: Final = TenantId("flaky")
PATIENCE_S: Final = 0.6  # so that some appends are given up and repeated
_FATES: Final = {PASS: 70, LOST: 10, TWICE: 8, CUT_BEFORE: 2, CUT_AFTER: 2}
_LATE: Final = 8
_LATEST_S: Final = 0.8
Log = list[tuple[int, Message]]


class Told(NamedTuple):
    """What one owner's appends came to."""

    stored: Log  # in the order of its appends
    refused: list[Message]


def weather(random: Random) -> Fates:
    """Any fate, mostly harmless."""
    late = Fate(late_s=random.uniform(0, _LATEST_S))
    fates, weights = [*_FATES, late], [*_FATES.values(), _LATE]
    return lambda _: random.choices(fates, weights)[0]


@asynccontextmanager
async def flaky_journal(url: str, random: Random) -> AsyncIterator[NatsJournal]:
    """A log behind a connection that `random` disturbs. After the block nothing is under way."""
    async with proxy(url) as between:
        bus = await connect(between.url, name="flaky")
        between.publishes, between.answers = weather(random), weather(random)
        try:
            yield NatsJournal(bus, patience_s=PATIENCE_S)
        finally:
            between.publishes = between.answers = in_turn()
            await eventually_async(lambda: _answers(bus))  # closing amid a reconnection may fail
            await bus.close()


async def _answers(bus: Bus) -> bool:
    if bus.connected:
        with contextlib.suppress(nats.errors.Error):
            await bus.nc.flush(1)
            return bus.connected
    return False


async def stored(bus: Bus, call: CallId, family: Family | None = None) -> Log:
    """The log itself, past every proxy."""
    return [(r.sequence, r.message) async for r in NatsJournal(bus).read(TENANT, call, family)]


def said(by: str, number: int) -> Message:
    """A message unlike all others of its call."""
    return Message(by=by, events=(LineAnswered(at_ms=number, stream=by),))


async def put(
    journal: NatsJournal, call: CallId, family: Family, message: Message, id: str, after: int | None
) -> int:
    """Append it again and again until it is known where it is. Raises WrongVersion."""
    while True:
        try:
            appended = await journal.append(TENANT, call, family, message, id=id, after=after)
        except JournalUnavailable:
            continue
        return appended.sequence


async def lone_owner(journal: NatsJournal, random: Random, appends: int) -> tuple[CallId, Log]:
    """A call of one owner that writes decisions, and facts between them."""
    call, told, last = new_call_id(), [], 0
    for number in range(appends):
        message, id = said("owner", number), f"{call}:{number}"
        if random.random() < 0.3:
            told.append((await put(journal, call, "line", message, id, None), message))
        else:
            last = await put(journal, call, "dialog", message, id, last)
            told.append((last, message))
    return call, told


async def rival(journal: NatsJournal, call: CallId, name: str, appends: int) -> Told:
    """One of several that each think the call theirs. Their messages have the same ids."""
    told, number = Told([], []), 0
    while number < appends:
        last = await last_of(journal, call)
        try:
            while number < appends:
                message, number = said(name, number), number + 1
                last = await put(journal, call, "dialog", message, f"{call}:{last}", last)
                told.stored.append((last, message))
        except WrongVersion:
            told.refused.append(message)
    return told


async def last_of(journal: NatsJournal, call: CallId) -> int:
    """The sequence of the newest decision, 0 when there is none."""
    while True:
        try:
            return max([r.sequence async for r in journal.read(TENANT, call, "dialog")], default=0)
        except JournalUnavailable:
            continue


async def lone_owners(url: str, direct: Bus, lane: int, calls: int, appends: int) -> None:
    """Calls one after the other on one connection; then the log must be what was told."""
    random = Random(lane)
    async with flaky_journal(url, random) as journal:
        told = [await lone_owner(journal, random, appends) for _ in range(calls)]
    for call, log in told:
        assert await stored(direct, call) == log


async def rivals(url: str, direct: Bus, lane: int, calls: int, appends: int) -> None:
    """Two owners race through connections of their own; each message has one fate only."""
    one, other = Random(f"{lane} one"), Random(f"{lane} other")
    async with flaky_journal(url, one) as ours, flaky_journal(url, other) as theirs:
        raced = []
        for _ in range(calls):
            call = new_call_id()
            race = rival(ours, call, "one", appends), rival(theirs, call, "other", appends)
            raced.append((call, await asyncio.gather(*race)))
    for call, (won, lost) in raced:
        log = await stored(direct, call)
        assert Counter(log) == Counter(won.stored + lost.stored)
        assert not {message for _, message in log} & {*won.refused, *lost.refused}
