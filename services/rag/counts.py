"""What a worker has done since it started, for those who watch it."""

from dataclasses import dataclass


@dataclass
class Counts:
    """Numbers of events; each only rises."""

    found: int = 0  # questions answered, with passages or without
    remembered: int = 0  # of these, from memory
    words_only: int = (
        0  # of these, without the question's meaning: its embedding failed or was late
    )
    failed: int = 0  # questions the store could not answer
    stale: int = 0  # questions left alone because they were asked too long ago
    unreadable: int = 0  # dialog messages that no contract covers
    indexed: int = 0  # documents, and new versions of them
    withdrawn: int = 0  # documents
    embedded: int = 0  # documents that got their vectors
    not_embedded: int = 0  # documents that the embedding or the store refuses: found by words alone
    skipped: int = 0  # knowledge messages that no contract covers or the store refuses
