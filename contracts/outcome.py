"""What came of a call, found out after it.

subject  call.<tenant>.<call>.outcome    stream  CALLS
written  post-call workers               read    projections
"""

from contracts.event import Event, Pii


class OutcomeRecorded(Event, frozen=True, kw_only=True, tag="outcome.recorded/1"):
    """A judgement of the finished call."""

    outcome: str  # success, failure, unknown
    summary: Pii = ""  # what the call was about and what came of it


class CallErased(Event, frozen=True, kw_only=True, tag="outcome.call_erased/1"):
    """What the caller said and who it was can't be read any more. Written by `partyline erase`."""

    by: str  # who had it erased
    reason: str = ""  # why, as told; stays readable, so it names no caller
