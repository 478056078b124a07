"""How a line stands: a fold of its family in the log, and of nothing else. Pure, but for `read`."""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec.structs import replace

from contracts.ids import CallId, TenantId
from contracts.journal import Journal
from contracts.line import (
    CarrierReported,
    EndReason,
    LineAnswered,
    LineEnded,
    LineLost,
    LineRang,
    LineResumed,
    PlaybackCleared,
    PlaybackFinished,
    PlaybackStarted,
    SentencePlayed,
    SpeechStarted,
)
from contracts.recorded import CallEvent, Message

OVER: Final = ("completed", "busy", "failed", "no-answer", "canceled")
"""The carrier's words for a call whose caller is gone."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One line at one point of the log."""

    sequence: int = 0  # stream sequence of the family's newest message; 0: none
    rang: LineRang | None = None
    stint: int = 0  # how often audio began to flow; 0: not answered yet
    holder: str = ""  # the host that has the line, or had it last
    answered_ms: int = 0  # UNIX time of the first answer
    lost: LineLost | None = None  # the line is broken since
    ended: EndReason | None = None
    completed: bool = False  # by the carrier's word the caller is gone
    utterance: int = 0  # the newest one
    reply: int = 0  # the caller is hearing; 0: none
    sentence: int = 0  # of that reply, the last one confirmed; 0: none

    @property
    def held(self) -> bool:
        """A gateway has the line, as far as the log knows."""
        return self.stint > 0 and self.lost is None and self.ended is None


UNKNOWN: Final = Standing()


def fold(standing: Standing, message: Message, sequence: int) -> Standing:
    """The standing after one more message of the line's family."""
    for event in message.events:
        standing = _after(standing, event, message.by)
    return replace(standing, sequence=sequence)


async def read(
    journal: Journal,
    tenant: TenantId,
    call: CallId,
    standing: Standing = UNKNOWN,
    seen: Callable[[Message], object] | None = None,
) -> Standing:
    """The line as the log has it, read on from what is known of it. Raises JournalUnavailable.

    `seen` is told of each message.
    """
    skipped = [0]  # messages no contract covers: also behind those the next one is appended
    stored = journal.read(tenant, call, "line", after=standing.sequence, left_out=skipped.append)
    async for recorded in stored:
        standing = fold(standing, recorded.message, recorded.sequence)
        if seen:
            seen(recorded.message)
    return replace(standing, sequence=max(standing.sequence, *skipped))


def confirmed(standing: Standing, at_ms: int, reason: str) -> LineLost:
    """The loss of a line whose holder is gone: heard counts only what the log confirms."""
    return LineLost(at_ms=at_ms, reason=reason, reply=standing.reply, sentence=standing.sentence)


def _after(standing: Standing, event: CallEvent, by: str) -> Standing:
    match event:
        case LineRang():
            return replace(standing, rang=standing.rang or event)
        case LineAnswered(at_ms=at_ms):
            return replace(standing, stint=1, holder=by, answered_ms=at_ms)
        case LineResumed(stint=stint):
            return replace(standing, stint=stint, holder=by, lost=None, reply=0, sentence=0)
        case LineLost():
            return replace(standing, lost=event)
        case LineEnded(reason=reason):
            return replace(standing, ended=reason)
        case CarrierReported(status=status):
            return replace(standing, completed=standing.completed or status in OVER)
        case SpeechStarted(utterance=utterance):
            return replace(standing, utterance=utterance)
        case _:
            return _heard(standing, event)


def _heard(standing: Standing, event: CallEvent) -> Standing:
    match event:
        case PlaybackStarted(reply=reply):
            return replace(standing, reply=reply, sentence=0)
        case SentencePlayed(reply=reply, sentence=sentence):
            return replace(standing, reply=reply, sentence=sentence)
        case PlaybackFinished() | PlaybackCleared():
            return replace(standing, reply=0, sentence=0)
        case _:
            return standing
