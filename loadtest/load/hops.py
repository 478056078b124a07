"""Where a turn's wait goes, by the log itself: what each hop took, and what it may take. Pure.

A message has the time its writer gave it (whole milliseconds) and the time the server stored it. On
one machine both are of one clock, so the difference between two of them is a hop.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from loadtest.load.moments import Moments
from loadtest.load.spread import Spread, spread


class Hop(NamedTuple):
    """A step of a turn, from the step before it."""

    name: str
    about: str
    p50_ms: float  # budget
    p99_ms: float  # budget
    waited_for: bool = True  # False: it goes on beside the caller's wait


HOPS: Final = (
    Hop("silence_noticed", "last loud frame, and the silence, to speech.ended", 15, 25, False),
    Hop("silence_stored", "speech.ended stored", 2, 20, False),
    Hop("transcript_written", "end of the silence to the recogniser's words", 1, 2),
    Hop("transcript_stored", "transcript stored", 1, 3),
    Hop("turn_taken", "delivered, decided, and the turn stored", 1.5, 4),
    Hop("passages_found", "the knowledge asked and its passages stored", 1.5, 4),
    Hop("first_sentence", "the model's first sentence stored", 1, 3),
    Hop("voice_began", "the sentence taken up by the voice", 0.7, 2),
    Hop("first_sound", "the voice's first sound published", 0.3, 1),
    Hop("playback_started", "that sound sent to the carrier", 0.5, 2),
    Hop("playback_stored", "playback.started stored", 2, 20, False),
)
"""The budget makes 6 ms (p50) and 15 ms (p99) of what is waited for, without knowledge: one hop's
worst turn is seldom another's."""
WHOLE: Final = "whole_wait"  # all that is waited for: end of the silence to the first sound sent
SHOWN: Final = ("p50", "p99")


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A hop of one turn."""

    hop: str
    from_ms: float  # since the end of the silence that was asked for
    ms: float


class Waterfall(msgspec.Struct, frozen=True, kw_only=True):
    """One turn."""

    wait_ms: float
    bars: tuple[Bar, ...]  # in the order of HOPS


class Hops(msgspec.Struct, frozen=True, kw_only=True):
    """All turns of a run."""

    hops_ms: Mapping[str, Spread] = {}
    waterfalls: Mapping[str, Waterfall] = {}  # of the turns in the midst and at the end: p50, p99


def hops(turns: Sequence[Moments], stop_ms: int, silence_ms: int) -> Hops:
    """`stop_ms` of silence end an utterance, `silence_ms` in all end a turn."""
    falls = sorted((_fall(turn, stop_ms, silence_ms) for turn in turns), key=lambda f: f.wait_ms)
    if not falls:
        return Hops()
    return Hops(
        hops_ms=_spreads(falls),
        waterfalls={
            shown: falls[min(int(len(falls) * int(shown[1:]) / 100), len(falls) - 1)]
            for shown in SHOWN
        },
    )


def over_budget(hops_ms: Mapping[str, Spread]) -> list[str]:
    """The hops that take more than they may."""
    known = [(hop, hops_ms[hop.name]) for hop in HOPS if hop.name in hops_ms]
    return [hop.name for hop, ms in known if ms.p50 > hop.p50_ms or ms.p99 > hop.p99_ms]


def _spreads(falls: Iterable[Waterfall]) -> dict[str, Spread]:
    times: dict[str, list[float]] = {hop.name: [] for hop in HOPS}
    times[WHOLE] = []
    for fall in falls:
        times[WHOLE].append(fall.wait_ms)
        for bar in fall.bars:
            times[bar.hop].append(bar.ms)
    return {name: spread(values) for name, values in times.items() if values}


def _fall(turn: Moments, stop_ms: int, silence_ms: int) -> Waterfall:
    due_ms = turn.spoken_ms + silence_ms
    found_ms = max(turn.found_ms, turn.taken_ms)  # they may be asked for while the caller speaks
    steps = [
        ("silence_noticed", turn.spoken_ms + stop_ms, turn.noticed_ms),
        ("silence_stored", turn.noticed_ms, turn.ended_ms),
        ("transcript_written", due_ms, turn.heard_ms),
        ("transcript_stored", turn.heard_ms, turn.transcribed_ms),
        ("turn_taken", turn.transcribed_ms, turn.taken_ms),
        ("first_sentence", found_ms, turn.written_ms),
        ("voice_began", turn.written_ms, turn.began_ms),
        ("first_sound", turn.began_ms, turn.sounded_ms),
        ("playback_started", turn.sounded_ms, turn.playing_ms),
        ("playback_stored", turn.playing_ms, turn.played_ms),
    ]
    if turn.found_ms:
        steps.insert(5, ("passages_found", turn.taken_ms, found_ms))
    return Waterfall(
        wait_ms=round(turn.playing_ms - due_ms, 2),
        bars=tuple(
            Bar(hop=name, from_ms=round(began - due_ms, 2), ms=round(ended - began, 2))
            for name, began, ended in steps
        ),
    )
