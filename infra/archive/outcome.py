"""What a run of the archiver did."""

import msgspec


class Outcome(msgspec.Struct, kw_only=True):
    """What one run did, or would do. Sizes in bytes."""

    calls: int = 0
    """Archived; a call of which something came late counts again."""
    messages: int = 0
    raw_bytes: int = 0
    """Of the messages as JSON lines; in a dry run, of their payloads alone."""
    bytes: int = 0
    """Of the segments, compressed, without their manifests."""
    segments: int = 0
    let_go: int = 0
    """Messages the stream let go, those of earlier runs that were killed among them."""
    open: int = 0
    """Calls with messages old enough that are not closed, or not for long enough."""
    oldest: str = ""
    """The oldest of those, tenant/call: the stream's beginning stays for it."""
    strange: int = 0
    """Calls whose names no contract covers. They stay."""
    wrong: list[str] = msgspec.field(default_factory=list)
    """What is not as it was written, and calls that stay for it."""
    deleted: int = 0
    """Interior deletes of the stream after this run."""
    took_s: float = 0.0
