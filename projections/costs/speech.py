"""Seconds of speech, by the recogniser that was fed them."""

from typing import Final

from contracts.line import SpeechEnded, SpeechStarted
from contracts.transcript import TranscriptFinalized, UtteranceMisheard
from projections.costs.rows import Hearing, add
from projections.folding import Rows

_FRAME_MS: Final = 20


def begin(rows: Rows, event: SpeechStarted) -> None:
    """The caller begins to speak."""
    rows.of(Hearing).begun[event.utterance] = event.first_frame


def stop(rows: Rows, event: SpeechEnded) -> None:
    """Who recognises the speech is known only from the transcript, which comes later as a rule."""
    hearing = rows.of(Hearing)
    first = hearing.begun.pop(event.utterance, None)
    if first is None:
        return
    speech_ms = max(event.last_frame - first + 1, 0) * _FRAME_MS
    if event.utterance <= hearing.heard:
        _feed(rows, hearing, speech_ms)
    else:
        hearing.unheard_ms[event.utterance] = speech_ms


def hear(rows: Rows, event: TranscriptFinalized | UtteranceMisheard) -> None:
    """A turn's speech: that of all utterances up to its last one."""
    hearing = rows.of(Hearing)
    hearing.provider = event.provider or hearing.provider
    hearing.heard = max(hearing.heard, event.utterance)
    for utterance in [each for each in hearing.unheard_ms if each <= event.utterance]:
        _feed(rows, hearing, hearing.unheard_ms.pop(utterance))


def end(rows: Rows) -> None:
    """Speech that nobody told of any more was fed all the same."""
    hearing = rows.of(Hearing)
    while hearing.unheard_ms:
        _feed(rows, hearing, hearing.unheard_ms.popitem()[1])


def _feed(rows: Rows, hearing: Hearing, speech_ms: int) -> None:
    add(rows, "stt", hearing.provider, "speech_seconds", speech_ms / 1000)
