"""The stages of a turn: from when to when, and by whose clocks. As in the table turns."""

from typing import Final, NamedTuple

from projections.moments import Moment, later
from projections.turn_rows import TurnTimes


class Waited(TurnTimes):
    """A note: a turn's times, and who was waited for."""

    model_began_at: Moment | None = None  # all was there that the answer is written from
    model_wrote_at: Moment | None = None  # the first sentence was complete, clock of the dialog
    synthesized_at: Moment | None = None  # its first audio, if the log and tts were one
    stt_provider: str | None = None
    tts_provider: str | None = None
    cached: bool | None = None


class Stage(NamedTuple):
    """Between which two of a turn's times it lies, and whose clock each is of."""

    name: str
    start: str
    start_clock: str
    end: str
    end_clock: str
    is_part: bool = True  # of the wait: the others lie within it


STAGES: Final = (
    Stage("stt", "speech_ended_at", "gateway", "transcribed_at", "log"),
    Stage("dialog", "transcribed_at", "log", "taken_at", "log"),
    Stage("passages", "passages_wanted_at", "log", "passages_found_at", "log"),
    Stage("model_wrote", "model_began_at", "log", "model_wrote_at", "dialog", is_part=False),
    Stage("model", "model_began_at", "log", "first_sentence_at", "log"),
    Stage("tts", "first_sentence_at", "log", "synthesized_at", "log"),
    Stage("gateway", "synthesized_at", "log", "playback_started_at", "gateway"),
    Stage("wait", "speech_ended_at", "gateway", "playback_started_at", "gateway", is_part=False),
)
"""In their order."""


def reckon(turn: Waited) -> None:
    """The times that no event tells."""
    passages = [at for at in (turn.passages_found_at, turn.passages_taken_at) if at]
    turn.model_began_at = min(passages) if passages else turn.taken_at
    if turn.first_sentence_at is not None and turn.tts_ms is not None:
        turn.synthesized_at = later(turn.first_sentence_at, turn.tts_ms)
