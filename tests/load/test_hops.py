"""Where a turn's wait went, by what the log says of it."""

import re
from io import StringIO
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace
from rich.console import Console

from contracts.dialog import ReplyBegun, SentenceWritten, TurnTaken, Voice
from contracts.ids import CallId, TenantId
from contracts.line import PlaybackStarted, SpeechEnded
from contracts.passages import PassagesFound
from contracts.recorded import CallEvent, Message, Recorded
from contracts.synthesis import SentenceSynthesized
from contracts.transcript import TranscriptFinalized
from loadtest.load.figures import Figures
from loadtest.load.hops import HOPS, WHOLE, Bar, Hops, hops, over_budget
from loadtest.load.moments import Moments, Turns
from loadtest.load.page import page
from loadtest.load.report import report
from loadtest.load.spread import Spread
from loadtest.load.waterfall import svg, table

RING = 1_000_000
SPOKEN = RING + 2_000  # the caller's last loud frame
DUE = SPOKEN + 700  # the turn is over: 200 ms of silence, then 500


def recorded(stored_ms: float, *events: CallEvent, call: str = "one") -> Recorded:
    return Recorded(
        tenant=TenantId("main"),
        call=CallId(call),
        family="line",
        sequence=1,
        stored_ms=stored_ms,
        message=Message(by="host", events=events),
    )


def a_turn(*, turn: int = 1, call: str = "one", late_ms: int = 0) -> list[Recorded]:
    """Answered 10 ms after the silence, and `late_ms` more that the model took."""
    after, voice = DUE + late_ms, Voice(provider="tone")
    ended = SpeechEnded(at_ms=SPOKEN + 205, utterance=turn, last_frame=9, ended_ms=SPOKEN)
    heard = TranscriptFinalized(
        at_ms=DUE + 1, utterance=turn, text="hello", confidence=1.0, speech_ended_ms=SPOKEN
    )
    taken = TurnTaken(
        at_ms=DUE + 1, turn=turn, utterance=turn, text="hello", intent="hello", kind="hello"
    )
    begun = ReplyBegun(at_ms=DUE + 1, reply=turn + 1, turn=turn, kind="answer")
    written = SentenceWritten(at_ms=DUE, reply=turn + 1, sentence=1, text="Yes.", voice=voice)
    spoken = SentenceSynthesized(
        at_ms=after + 900,
        reply=turn + 1,
        sentence=1,
        audio_ms=1300,
        first_audio_ms=1.5,
        took_ms=892.5,
        characters=4,
        provider="tone",
    )
    playing = PlaybackStarted(at_ms=after + 10, reply=turn + 1)
    messages = (
        recorded(SPOKEN + 207, ended, call=call),
        recorded(DUE + 2.5, heard, call=call),
        recorded(DUE + 4, taken, begun, call=call),
        recorded(after + 6, written, call=call),
        recorded(after + 12.5, playing, call=call),
        recorded(after + 901, spoken, call=call),
    )
    return list(messages)


def told(*messages: Recorded) -> list[Moments]:
    turns = Turns()
    for message in messages:
        turns.add(message)
    return turns.whole()


def of(*messages: Recorded) -> Hops:
    return hops(told(*messages), stop_ms=200, silence_ms=700)


def run(found: Hops) -> Figures:
    base = Figures(system="partyline", scenario="steady", calls=1, length_s=9.0, void=False)
    return replace(base, hops_ms=found.hops_ms, waterfalls=found.waterfalls)


def test_each_hop_of_a_turn_is_timed_by_the_log() -> None:
    found = of(*a_turn()).hops_ms
    assert {name: ms.p50 for name, ms in found.items()} == {
        "silence_noticed": 5.0,
        "silence_stored": 2.0,
        "transcript_written": 1.0,
        "transcript_stored": 1.5,
        "turn_taken": 1.5,
        "first_sentence": 2.0,
        "voice_began": 1.5,
        "first_sound": 1.5,
        "playback_started": 1.0,
        "playback_stored": 2.5,
        WHOLE: 10.0,
    }


def test_what_the_caller_waits_for_is_the_sum_of_its_hops() -> None:
    (turn,) = told(*a_turn(late_ms=40))
    fall = hops([turn], 200, 700).waterfalls["p50"]
    waited = {hop.name for hop in HOPS if hop.waited_for}
    assert sum(bar.ms for bar in fall.bars if bar.hop in waited) == pytest.approx(fall.wait_ms)


def test_a_question_to_the_knowledge_is_a_hop_of_its_own() -> None:
    messages = a_turn()
    found = PassagesFound(at_ms=DUE + 5, turn=1, passages=(), took_ms=0.7)
    messages.insert(3, recorded(DUE + 5.25, found))
    ms = of(*messages).hops_ms
    assert (ms["passages_found"].p50, ms["first_sentence"].p50) == (1.25, 0.75)
    assert ms[WHOLE].p50 == 10.0


def test_what_was_found_while_the_caller_spoke_costs_no_wait() -> None:
    messages = a_turn()
    found = PassagesFound(at_ms=SPOKEN, turn=1, passages=(), took_ms=0.7)
    messages.insert(0, recorded(SPOKEN + 1.0, found))
    ms = of(*messages).hops_ms
    assert (ms["first_sentence"].p50, ms[WHOLE].p50) == (2.0, 10.0)


def test_turns_of_calls_that_overlap_are_kept_apart() -> None:
    one, other = a_turn(call="one"), a_turn(call="other", late_ms=30)
    mixed = [message for pair in zip(one, other, strict=True) for message in pair]
    assert [turn.playing_ms - DUE for turn in told(*mixed)] == [10.0, 40.0]


def test_a_turn_that_was_never_answered_tells_nothing() -> None:
    assert told(*a_turn()[:4]) == []
    assert of(*a_turn()[:4]) == Hops()


def test_the_waterfalls_are_of_the_turn_in_the_midst_and_of_one_of_the_slowest() -> None:
    calls = [a_turn(call=str(late_ms), late_ms=late_ms) for late_ms in range(100)]
    found = of(*(message for call in calls for message in call))
    assert {name: fall.wait_ms for name, fall in found.waterfalls.items()} == {
        "p50": 60.0,
        "p99": 109.0,
    }


def test_a_hop_that_takes_more_than_its_budget_is_named() -> None:
    assert over_budget({"first_sentence": Spread(n=1, p50=1.0, p99=3.1)}) == ["first_sentence"]
    assert over_budget({"first_sentence": Spread(n=1, p50=1.0, p99=3.0)}) == []


def test_the_budget_of_what_is_waited_for_is_the_promised_wait() -> None:
    waited = [hop for hop in HOPS if hop.waited_for and hop.name != "passages_found"]
    assert sum(hop.p50_ms for hop in waited) == pytest.approx(6.0)


def test_the_terminal_shows_every_hop_within_eighty_columns() -> None:
    out = StringIO()
    Console(file=out, width=80).print(table(run(of(*a_turn(late_ms=1234)))))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    for hop in HOPS:
        assert hop.name == "passages_found" or any(hop.name in line for line in lines)


def test_the_page_draws_a_bar_for_each_hop_where_it_stands_in_the_turn() -> None:
    found = of(*a_turn(late_ms=30))
    drawn = page(report([run(found)], how=""))
    falls = [ElementTree.fromstring(each) for each in re.findall(r"<svg.*?</svg>", drawn, re.S)]
    assert len(falls) == 2
    bars = falls[0].findall("{http://www.w3.org/2000/svg}rect")
    ends = [float(bar.attrib["x"]) + float(bar.attrib["width"]) for bar in bars]
    assert len(bars) == 8  # what was done in the silence has no place after it
    assert ends == sorted(ends)


def test_words_that_came_before_the_silence_was_over_are_drawn_left_of_it() -> None:
    early = Bar(hop="transcript_written", from_ms=0.0, ms=-5.0)
    fall = replace(of(*a_turn()).waterfalls["p50"], bars=(early,))
    drawing = ElementTree.fromstring(svg(fall))
    (bar,) = drawing.findall("{http://www.w3.org/2000/svg}rect")
    (zero,) = drawing.findall("{http://www.w3.org/2000/svg}line")
    assert float(bar.attrib["x"]) < float(zero.attrib["x1"])


def test_a_run_of_a_system_without_a_log_has_no_waterfall() -> None:
    assert "waterfall" not in page(report([run(Hops())], how="")).lower()
    assert "Where a turn" not in page(report([run(Hops())], how=""))
