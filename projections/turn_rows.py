"""What is kept of a turn's moments; see projections.turn_times."""

import msgspec

from projections.moments import Moment


class TurnTimes(msgspec.Struct):
    """Comments are those of the table turns."""

    tenant: str
    call: str
    turn: int
    reply: int | None = None  # the first
    speech_ended_at: Moment | None = None
    transcribed_at: Moment | None = None
    taken_at: Moment | None = None
    passages_wanted_at: Moment | None = None
    passages_found_at: Moment | None = None
    passages_taken_at: Moment | None = None
    first_sentence_at: Moment | None = None
    playback_started_at: Moment | None = None
    tts_ms: float | None = None


class Transcribed(msgspec.Struct):
    """A note: when an utterance became text, which is known before its turn is."""

    tenant: str
    call: str
    utterance: int
    at: Moment | None = None
    provider: str = ""


class ReplyTurn(msgspec.Struct):
    """A note: the turn a reply belongs to. Most events of a reply name only the reply."""

    tenant: str
    call: str
    reply: int
    turn: int | None = None
