"""What can be wrong with an archive.

ArchiveError
    ArchiveAway        the store does not answer, refuses, or is full; it may go better later
    SegmentDamaged     what the store holds is not what was written there
    BadArchivePlace    the setting names no place an archive can be in
"""


class ArchiveError(Exception):
    """Says which file or setting, never what a call holds."""


class ArchiveAway(ArchiveError):
    """The store does not answer, refuses, or is full. Nothing was let go for it."""


class SegmentDamaged(ArchiveError):
    """A file of the archive is not what was written there."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key, self.why = key, why


class BadArchivePlace(ArchiveError):
    """The setting PARTYLINE_ARCHIVE names no place an archive can be in. Says what it takes."""
