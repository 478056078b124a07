"""Whether a call is over, and since when."""

from collections.abc import Iterable, Sequence
from typing import Final

from contracts.codec import Unreadable, outline
from contracts.dialog import CallEnded
from contracts.line import LineEnded
from contracts.recorded import CallEvent
from infra.archive.segment import StoredMessage
from infra.stamps import unix_ms

_DAY_MS: Final = 86_400_000.0
_SILENT_MS: Final = 2 * _DAY_MS  # claims are kept for one: nobody can hold the call any more


def closed_ms(messages: Sequence[StoredMessage], now_ms: float) -> float | None:
    """When the call was closed, UNIX milliseconds by the server's clock; None: it is not.

    Closed: the actor ended it and its line ended, or a day has passed since the actor did. A call
    that nobody ended is closed when nothing was stored of it for two days: nobody will.
    """
    last_ms = unix_ms(messages[-1].stored)
    ended = _stored_ms(messages, "dialog", CallEnded)
    if ended is None:
        return last_ms if now_ms - last_ms > _SILENT_MS else None
    line = _stored_ms(messages, "line", LineEnded)
    if line is None:
        return ended if now_ms - ended > _DAY_MS else None
    return max(ended, line)


def _stored_ms(messages: Sequence[StoredMessage], family: str, kind: type) -> float | None:
    """When the newest such event was stored. Decodes from the end, where it stands."""
    for each in reversed(messages):
        if each.family == family and any(isinstance(e, kind) for e in _events(each)):
            return unix_ms(each.stored)
    return None


def _events(message: StoredMessage) -> Iterable[CallEvent]:
    """Without what is personal in them: an archiver needs no keys."""
    try:
        return outline(message.payload).events
    except Unreadable:
        return ()
