"""The stream lets go of what is archived: the only place where anything is taken from the log.

What stands at the stream's beginning goes in one request, which leaves no holes. Where an older
call stays, those behind it go by their subjects, in order; each leaves holes (interior deletes),
and above a million of them nats-server no longer keeps its index and is slow to start. The holes
close by themselves once the older call goes.
"""

import json
import logging
from array import array
from typing import Final, NamedTuple

import msgspec
import numpy as np

from contracts.ids import CallId, TenantId
from contracts.journal import JournalUnavailable
from contracts.streams import CALLS, call_subject
from infra.archive.lease import Lease
from infra.call_log import CallLog, Extent
from infra.nats import Bus
from infra.settling import AWAY

_log: Final = logging.getLogger("partyline.archive")
_ANSWER_S: Final = 60.0
MANY_DELETED: Final = 500_000  # half of what slows nats-server's start


class _Gone(NamedTuple):
    tenant: TenantId
    call: CallId
    sequences: "array[int]"


class LettingGo:
    """Calls that are in the archive, as was seen just now."""

    def __init__(self, bus: Bus) -> None:
        self._bus, self._log = bus, CallLog(bus)
        self._gone: list[_Gone] = []
        self._canaries = array("Q")

    def add(self, tenant: TenantId, call: CallId, sequences: "array[int]") -> None:
        """These very messages, all that was there of the call, may go."""
        self._gone.append(_Gone(tenant, call, sequences))

    def add_canaries(self, sequences: "array[int]") -> None:
        """These may go as well, where all before them goes: nobody archives them."""
        self._canaries = sequences

    async def purge(self, lease: Lease) -> int:
        """How many messages went. Raises: JournalUnavailable; LeaseLost before more is taken."""
        if not self._gone and not self._canaries:
            return 0
        purged, extent = 0, await self._log.extent()
        kept_from = self._beginning(extent)
        if kept_from > max(extent.first, 1):  # for 0 the server would take all there is
            lease.check()
            purged += await self._purge({"seq": kept_from})
        for each in sorted(self._gone, key=lambda gone: gone.sequences[0]):
            if each.sequences[-1] >= kept_from:
                lease.check()
                purged += await self._one(each, kept_from)
        self._gone = []
        return purged

    def _beginning(self, extent: Extent) -> int:
        """The first sequence of the stream that is not archived, deleted, or a canary's."""
        known = [np.asarray(extent.deleted, dtype=np.uint64)]
        known += [
            np.frombuffer(each, dtype=np.uint64)
            for each in (self._canaries, *(gone.sequences for gone in self._gone))
        ]
        there = np.unique(np.concatenate(known))
        there = there[there >= extent.first]
        contiguous = there == np.arange(len(there), dtype=np.uint64) + np.uint64(extent.first)
        count = len(there) if contiguous.all() else int(np.argmin(contiguous))
        return int(extent.first) + count

    async def _one(self, gone: _Gone, kept_from: int) -> int:
        """By its subjects, if the stream's leader has of them what we read and no more."""
        expected = sum(sequence >= kept_from for sequence in gone.sequences)
        if await self._log.count(gone.tenant, gone.call) != expected:
            return 0  # something came meanwhile, or is gone by another's hand: next time
        subject = call_subject(gone.tenant, gone.call, "*")
        return await self._purge({"filter": subject, "seq": gone.sequences[-1] + 1})

    async def _purge(self, question: dict[str, str | int]) -> int:
        """Source: https://docs.nats.io/reference/reference-protocols/nats_api_reference."""
        place = f"$JS.API.STREAM.PURGE.{CALLS.name}"
        try:
            answer = await self._bus.nc.request(
                place, json.dumps(question).encode(), timeout=_ANSWER_S
            )
        except AWAY:
            raise JournalUnavailable("the log did not answer a purge") from None
        told = msgspec.json.decode(answer.data, type=_Purged)
        if not told.success:
            raise JournalUnavailable("the log refused a purge")
        return told.purged

    async def holes(self) -> int:
        """The stream's interior deletes. Raises: JournalUnavailable."""
        deleted = len((await self._log.extent()).deleted)
        if deleted > MANY_DELETED:
            _log.warning(
                "the CALLS stream has %d interior deletes; above 1000000 nats-server starts slowly."
                " An old call that stays holds them: see docs/archive.md",
                deleted,
            )
        return deleted


class _Purged(msgspec.Struct):
    success: bool = False
    purged: int = 0
