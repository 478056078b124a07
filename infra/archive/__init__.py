"""The archive: calls that the stream has let go, as zstd-compressed JSON lines by tenant and day.

Layout of the store, a local folder or an S3-compatible bucket (segment.py has the format):

    tenant=<tenant>/day=<yyyy-mm-dd>/<part>.jsonl.zst   the messages, a frame per call
    tenant=<tenant>/day=<yyyy-mm-dd>/<part>.json        its manifest: without, there is none

The day is the UTC day of the ring, as the call's id tells. Reading it:

    archive = open_archive("/srv/archive", codec)        # or "s3://bucket/prefix"
    whole = await archive.read(tenant, call)             # WholeCall, its history [] where absent
    calls = await archive.calls(tenant)                  # ids, sorted
    async for segment in archive.segments():             # days in order; of one tenant or of all
        async for each in segment.calls():               # each: ArchivedCall, checked by its hash
            each.tenant, each.call, each.history, each.unreadable

`history` holds `Recorded` in stored order, equal in every field to what the stream's own readers
give; a message that no contract covers has no events, and `unreadable` says why, by its sequence.
`segments()` gives every call once and whole, in the segment that holds its beginning, whatever came
late or was archived twice. Memory: one call and a few MiB. A call may be in the stream, too, as
long as it has not been let go, and a message that came later is there alone: sequences tell.

Raises: ArchiveAway when the store does not answer, refuses or is full; SegmentDamaged when what it
gives is not what was written there. No exception quotes what a call holds.
"""

from infra.archive.errors import ArchiveAway, BadArchivePlace, SegmentDamaged
from infra.archive.reading import Archive, ArchivedCall, Segment, missed_by, open_archive

__all__ = [
    "Archive",
    "ArchiveAway",
    "ArchivedCall",
    "BadArchivePlace",
    "Segment",
    "SegmentDamaged",
    "missed_by",
    "open_archive",
]
