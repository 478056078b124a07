"""What the log has let go, rightly: by age, or because it is in the archive."""

import time
from typing import Final
from uuid import UUID

from contracts.ids import CallId
from contracts.line import LineRang
from infra.archive import Archive, SegmentDamaged, missed_by
from infra.call_log import CallLog, Extent, WholeCall
from services.call.verify import Finding
from services.cli.verdict import Verified

_LONGEST_CALL_MS: Final = 86_400_000.0


def expires(whole: WholeCall, extent: Extent) -> bool:
    """Whether age is taking the call just now, from its beginning on."""
    if not whole.history or not extent.max_age_ms:
        return False
    rang = any(isinstance(e, LineRang) for r in whole.history for _, e in r.events())
    aged_ms = time.time() * 1000 - whole.history[0].stored_ms
    return not rang and aged_ms > extent.max_age_ms - _LONGEST_CALL_MS


def was_kept(call: CallId, extent: Extent) -> bool:
    """Whether the call is so old that the log may have let it go. Its id tells when it rang."""
    if not extent.max_age_ms:
        return False
    try:
        rang_ms = UUID(call).int >> 80
    except ValueError:
        return False
    return time.time() * 1000 - rang_ms > extent.max_age_ms - _LONGEST_CALL_MS


async def wrong_with_the_log(
    log: CallLog, archive: Archive | None, damaged: list[SegmentDamaged], found: Verified
) -> list[Finding]:
    """What was taken from the stream and is in no archive; manifests and segments that are damaged.

    `damaged`: those that are known already. Raises: JournalUnavailable, ArchiveAway.
    """
    extent = await log.extent()
    if archive is not None:
        missed = await missed_by(archive, extent.deleted, damaged.append)
        extent = extent._replace(deleted=missed)
    told = sorted({str(each) for each in damaged})
    return [Finding(kind="altered", says=says) for says in told] + _deleted(extent, found)


def _deleted(extent: Extent, found: Verified) -> list[Finding]:
    """What was taken out of the middle of the stream and is missed by no call that is left."""
    missed = {f.sequence for each in found.broken for f in each.findings if f.kind == "removed"}
    return [
        Finding(
            kind="removed",
            says="was deleted from the stream; no decision that is left names it",
            sequence=sequence,
        )
        for sequence in extent.deleted
        if sequence not in missed
    ]
