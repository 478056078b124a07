"""All messages of one call, for who has to make its rows again."""

from contracts.codec import Codec
from contracts.ids import CallId, TenantId
from contracts.journal import JournalUnavailable
from infra.call_log import CallLog
from infra.nats import Bus
from projections.following import History
from projections.reading import LogAway, Place, Stored, Unread


def history_of(bus: Bus, codec: Codec) -> History:
    """Reads calls from this log."""
    log = CallLog(bus, codec)

    async def history(place: Place) -> list[Stored]:
        try:
            whole = await log.read(TenantId(place.tenant), CallId(place.call))
        except JournalUnavailable as away:
            raise LogAway(str(away)) from None
        return [
            Unread(r.tenant, r.call, r.sequence, whole.unreadable[r.sequence])
            if r.sequence in whole.unreadable
            else r
            for r in whole.history
        ]

    return history
