"""The messages of a call, from bytes to what projections read."""

from collections.abc import Sequence

from contracts.codec import Codec, Unreadable
from contracts.ids import CallId, TenantId
from contracts.recorded import Recorded
from infra.stamps import stored_ms
from projections.reading import Stored, Unread
from projections.rebuild.taking import Raw


def stored_in(codec: Codec, tenant: TenantId, call: CallId, raws: Sequence[Raw]) -> list[Stored]:
    """All of one call, in stored order. Raises KeyWanted."""
    reader = codec.of_call(call)
    stored: list[Stored] = []
    for raw in raws:
        sequence = raw.sequence
        try:
            message = reader.decode(raw.payload)
        except Unreadable as unreadable:
            stored.append(Unread(tenant, call, sequence, str(unreadable)))
            continue
        stored.append(
            Recorded(
                tenant=tenant,
                call=call,
                family=raw.family,
                sequence=sequence,
                stored_ms=stored_ms(raw.stored_ns),
                message=message,
            )
        )
    return stored
