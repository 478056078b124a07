"""partyline erase: what a caller said, and who it was, made unreadable for ever.

First the log says that the call is erased, and who reads that opens it no more; then its key is
deleted, and its rows are made anew. After a death in between the command is given again: as long as
the key is there, the call is found by its caller, too.
"""

import getpass
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Final

import asyncpg
import nats.errors
from nats.js.errors import APIError

from contracts.codec import Codec
from contracts.ids import CallId, TenantId, checked, new_host_id
from contracts.outcome import CallErased
from contracts.recorded import Message
from contracts.streams import AUDIO
from infra.archive import Archive
from infra.journal import NatsJournal
from infra.nats import Bus, connect
from infra.postgres import AWAY, Pool, PostgresUnavailable, connect_pool
from infra.vault import Vault
from projections import PROJECTIONS
from projections.history import history_of
from projections.reading import LogAway, Place
from projections.refolding import refold
from projections.storing import delete_kept
from services.cli.archiving import archive_of
from services.cli.erasable import Calls, Found, Standing
from services.cli.not_erased import NotErased
from services.cli.phone_number import wanted_number
from services.cli.places import find
from services.cli.recorded import NoSuchCall
from services.cli.sealing import vault_of
from services.cli.settings import Settings
from services.cli.terminal import out

_NUMBER: Final = re.compile(r"(\d[\s().\-/]*){6}")


async def erase(
    settings: Settings, call: str | None, caller: str | None, by: str, reason: str, sure: bool
) -> int:
    """Erase one call, or all calls of a number; ask first unless `sure`.

    Exit code 1 when a call had to be left. Raises: NotErased, NoSuchCall, BadNumber, Locked.
    """
    if _NUMBER.search(reason) or _NUMBER.search(by):
        raise NotErased("Leave numbers out of --reason and --by: they stay readable in the log.")
    places = find(settings, "nats")
    async with AsyncExitStack() as opened:
        bus = await connect(places.nats, name="partyline erase")
        opened.push_async_callback(bus.close)
        vault = vault_of(bus, places)
        journal = NatsJournal(bus, Codec(vault))
        archive = archive_of(settings, journal.codec)
        calls = Calls(bus, journal, archive, settings.tenant)
        found = await _found(calls, settings.tenant, call, caller)
        left = _told(found)
        ready = found[Standing.READY] + found[Standing.ERASED]
        if ready and not (sure or _wants_to(len(ready))):
            raise NotErased("Nothing was erased.")
        pool = await _pool(opened, places.postgres)
        erasing = Erasing(bus, vault, journal, pool, settings.tenant, archive)
        for each in ready:
            await erasing.erase(each, by or _user(), reason)
    _say_what_was_done(ready, pool is not None, erasing.tables_wait)
    return 1 if left else 0


class Erasing:
    """Erases calls of a tenant. `pool`: of the tables, None where they are not within reach."""

    def __init__(
        self,
        bus: Bus,
        vault: Vault,
        journal: NatsJournal,
        pool: "Pool | None",
        tenant: TenantId,
        archive: Archive | None = None,
    ) -> None:
        self._bus, self._vault, self._journal = bus, vault, journal
        self._pool, self._tenant, self._archive = pool, tenant, archive
        self._host = new_host_id("erase")
        self.tables_wait = False  # some rows could not be made anew from here

    async def erase(self, found: Found, by: str, reason: str) -> None:
        """Of a call that was erased before, what was left undone. Raises JournalUnavailable."""
        if found.standing is not Standing.ERASED:
            await self._record(found.call, by, reason)
        await self._vault.erase(found.call)
        await self._purge_audio(found.call)
        await self._refold(found.call)

    async def _record(self, call: CallId, by: str, reason: str) -> None:
        erased = CallErased(at_ms=time.time_ns() // 1_000_000, by=by, reason=reason)
        await self._journal.append(
            self._tenant,
            call,
            "outcome",
            Message(by=self._host, events=(erased,)),
            id=f"{call}:erased",
        )

    async def _purge_audio(self, call: CallId) -> None:
        """What the last fifteen seconds hold in memory."""
        try:
            await self._bus.js.purge_stream(AUDIO.name, subject=f"audio.{self._tenant}.{call}.*")
        except (APIError, nats.errors.Error, OSError, TimeoutError):
            pass  # it is not there, or forgets by itself before anybody reads this

    async def _refold(self, call: CallId) -> None:
        """The call's rows, made anew from what can still be read."""
        if self._pool is None:
            return
        history = history_of(self._bus, self._journal.codec, self._archive)
        try:
            await refold(self._pool, PROJECTIONS, history, Place(self._tenant, call))
            await self._delete_kept(self._pool, Place(self._tenant, call))
        except asyncpg.UndefinedTableError:
            pass  # no projection has ever been here
        except (LogAway, *AWAY):
            self.tables_wait = True

    async def _delete_kept(self, pool: Pool, place: Place) -> None:
        """Those of older versions can't be made anew: their rows of the call go."""
        async with pool.acquire() as db:
            for projection in PROJECTIONS:
                await delete_kept(db, projection.name, place)


async def _found(
    calls: Calls, tenant: TenantId, call: str | None, caller: str | None
) -> dict[Standing, list[Found]]:
    found: dict[Standing, list[Found]] = defaultdict(list)
    if call is not None:
        one = await calls.by_id(CallId(checked("call", call)))
        if one is None:
            raise NoSuchCall(f"The log holds no call {call}. 'partyline calls' lists them.")
        found[one.standing].append(one)
    else:
        if caller == "-":
            caller = out.input("The number: ", password=True)
        async for each in calls.of_caller(wanted_number(caller or "")):
            found[each.standing].append(each)
    return found


def _told(found: dict[Standing, list[Found]]) -> bool:
    """Say what there is, without a word of it. True when a call has to be left."""
    if not any(found.values()):
        out.print("The log holds no call from this number: nothing is to be erased.")
    if ready := found[Standing.READY]:
        out.print(f"{_many(ready)} will be erased: {_times(ready)}.", soft_wrap=True)
    if erased := found[Standing.ERASED]:
        out.print(f"{_many(erased)} erased before: made sure of again.", soft_wrap=True)
    if going_on := found[Standing.GOES_ON]:
        names = ", ".join(each.call for each in going_on)
        says = "not over yet, and stays. Erase again once it is"
        out.print(f"[yellow]{_many(going_on)} {says}: {names}[/yellow]", soft_wrap=True)
    if clear := found[Standing.CLEAR]:
        names = ", ".join(each.call for each in clear)
        says = (
            "recorded while sealing was off: there is no key to delete. The words stay until the"
            " log, or whoever keeps the archive, lets go of the call"
        )
        out.print(f"[yellow]{_many(clear)} {says}: {names}[/yellow]", soft_wrap=True)
    return bool(found[Standing.GOES_ON] or found[Standing.CLEAR])


def _wants_to(count: int) -> bool:
    what = "this call" if count == 1 else f"these {count} calls"
    try:
        answer = out.input(f"Erase what was said in {what}, for ever? \\[y/N] ")
    except EOFError:
        raise NotErased("Nothing was erased: say yes, or give --yes.") from None
    return answer.strip().lower() in ("y", "yes")


async def _pool(opened: AsyncExitStack, postgres: str) -> "Pool | None":
    if not postgres:
        return None
    try:
        pool = await connect_pool(postgres, wait_s=3)
    except PostgresUnavailable:
        return None
    opened.push_async_callback(pool.close)
    return pool


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def _say_what_was_done(erased: Sequence[Found], tables: bool, tables_wait: bool) -> None:
    if not erased:
        return
    out.print(f"[green]{_many(erased)} erased.[/green] What stays: times, counts, and that it was.")
    if not tables or tables_wait:
        out.print("[yellow]The tables follow when the projections run.[/yellow]")


def _many(found: Sequence[Found]) -> str:
    return f"{len(found)} call{'' if len(found) == 1 else 's'}"


def _times(found: Sequence[Found]) -> str:
    began = sorted(each.began_ms for each in found)
    first, last = (datetime.fromtimestamp(ms / 1000) for ms in (began[0], began[-1]))
    if len(began) == 1:
        return f"of {first:%Y-%m-%d %H:%M}"
    return f"between {first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M}"
