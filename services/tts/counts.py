"""What a worker has done since it started, for those who watch it."""

from dataclasses import dataclass


@dataclass
class Counts:
    """Numbers of events; each only rises."""

    synthesized: int = 0  # sentences spoken to their end
    cached: int = 0  # of those, without asking a synthesiser
    dropped: int = 0  # sentences given up or never begun
    failed: int = 0  # sentences that no try could speak
    unreadable: int = 0  # dialog messages that no contract covers
