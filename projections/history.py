"""All messages of one call, for who has to make its rows again."""

from collections.abc import Mapping, Sequence

from contracts.codec import Codec
from contracts.ids import CallId, TenantId
from contracts.journal import JournalUnavailable
from contracts.recorded import Recorded
from infra.archive import Archive, ArchiveAway
from infra.call_log import CallLog
from infra.nats import Bus
from projections.following import History
from projections.reading import LogAway, Place, Stored, Unread


def history_of(bus: Bus, codec: Codec, archive: Archive | None = None) -> History:
    """Reads calls from this log, and what it has let go of them from the archive, both as whoever
    follows the log does: see Codec.of_events."""
    log = CallLog(bus, codec.of_events(), archive.of_events() if archive else None)

    async def history(place: Place) -> list[Stored]:
        try:
            whole = await log.read(TenantId(place.tenant), CallId(place.call))
        except (JournalUnavailable, ArchiveAway) as away:
            raise LogAway(str(away)) from None
        return stored_of(whole.history, whole.unreadable)

    return history


def stored_of(history: Sequence[Recorded], unreadable: Mapping[int, str]) -> list[Stored]:
    """As projections read it: what no contract covers is named."""
    return [
        Unread(each.tenant, each.call, each.sequence, unreadable[each.sequence])
        if each.sequence in unreadable
        else each
        for each in history
    ]
