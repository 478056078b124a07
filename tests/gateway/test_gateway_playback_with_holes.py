"""What is played of sound that comes twice, in pieces, late or not at all: pure steps."""

from itertools import pairwise

from hypothesis import given as given_some
from hypothesis import strategies as st
from playback_steps import T, chunk, given, marks, sounds, told

from contracts.line import PlaybackCleared, PlaybackFinished
from services.audio.frames import AgentChunk
from services.gateway.playback import STALL_MS, Play, Playback

SENTENCE = bytes(at // 160 * 7 % 256 ^ at % 160 for at in range(4000))


def cuts() -> st.SearchStrategy[list[AgentChunk]]:
    """The sentence as some worker might cut it: anywhere between two frames."""
    return st.sets(st.integers(1, 24)).map(
        lambda places: [
            piece(start * 160, end * 160, last=end == 25)
            for start, end in pairwise([0, *sorted(places), 25])
        ]
    )


def piece(start: int, end: int, *, last: bool = False) -> AgentChunk:
    """Some of a sentence in which no two bytes in reach of each other are alike."""
    return AgentChunk(1, 1, 1, start, last, T, SENTENCE[start:end])


def heard(playback: Playback, *chunks: AgentChunk) -> bytes:
    steps = [step for each in chunks for step in playback.take(each, T)]
    return b"".join(step.mulaw for step in steps if isinstance(step, Play))


def test_a_sentence_synthesised_twice_is_heard_once() -> None:
    playback = given(lambda p: p.take(piece(0, 1600), T))
    assert heard(playback, piece(0, 1600)) == b""
    assert heard(playback, piece(1600, 3200, last=True)) == SENTENCE[1600:3200]
    assert heard(playback, piece(1600, 3200, last=True)) == b""
    assert playback.refused_chunks == 2


def test_a_sentence_cut_otherwise_by_the_next_worker_is_heard_whole_and_once() -> None:
    playback = Playback()
    first = heard(playback, piece(0, 160), piece(160, 1760))
    second = heard(playback, piece(0, 1600), piece(1600, 3200), piece(3200, 4000, last=True))
    assert first + second == SENTENCE


@given_some(cuts=cuts(), others=cuts(), data=st.data())
def test_however_two_workers_cut_and_mix_a_sentence_it_is_heard_whole_and_once(
    cuts: list[AgentChunk], others: list[AgentChunk], data: st.DataObject
) -> None:
    turns = data.draw(st.permutations([cuts] * len(cuts) + [others] * len(others)))
    pieces = {id(cuts): iter(cuts), id(others): iter(others)}
    assert heard(Playback(), *(next(pieces[id(turn)]) for turn in turns)) == SENTENCE


def test_a_hole_is_filled_by_the_next_worker_before_the_rest_is_heard() -> None:
    playback = given(lambda p: p.take(piece(0, 800), T))
    assert heard(playback, piece(1600, 2400), piece(2400, 3200)) == b""
    assert playback.held_up
    assert heard(playback, piece(0, 1600)) == SENTENCE[800:3200]
    assert heard(playback, piece(3200, 4000, last=True)) == SENTENCE[3200:]


def test_a_hole_that_nobody_fills_is_passed_over_after_a_while_of_silence() -> None:
    playback = given(lambda p: p.take(piece(0, 800), T))
    assert heard(playback, piece(1600, 2400)) == b""
    assert playback.stalled(T + STALL_MS - 1) == []
    playback.take(piece(2400, 3200), T + STALL_MS - 1)  # what stays behind it is no progress
    passed = playback.stalled(T + STALL_MS)
    assert b"".join(step.mulaw for step in passed if isinstance(step, Play)) == SENTENCE[1600:3200]


def test_a_voice_that_is_shorter_the_second_time_ends_the_sentence() -> None:
    playback = given(lambda p: p.take(piece(0, 2400), T), lambda p: p.take(piece(3200, 4000), T))
    assert marks(playback.take(piece(800, 1600, last=True), T)) == ["r1.s1.300.end"]
    assert not playback.held_up


def test_a_sentence_that_failed_does_not_hold_up_the_next() -> None:
    playback = given(lambda p: p.take(chunk(200, sentence=2), T))
    assert sounds(playback.leave_out(1, 1, T)) == [(2, 200)]


def test_a_sentence_that_failed_is_not_said_to_be_played() -> None:
    playback = given(
        lambda p: p.leave_out(1, 1, T),
        lambda p: p.take(chunk(200, sentence=2), T),
        lambda p: p.written(1, 2, T),
    )
    assert told(playback.echoed("r1.s1.0.end", T)) == []
    assert told(playback.echoed("r1.s2.200.end", T)) == [PlaybackFinished(at_ms=T, reply=1)]


def test_a_sentence_that_never_comes_is_left_out_after_a_while_of_silence() -> None:
    playback = given(lambda p: p.take(chunk(200, sentence=2), T))
    assert playback.stalled(T + STALL_MS - 1) == []
    assert sounds(playback.stalled(T + STALL_MS)) == [(2, 200)]


def test_the_end_of_a_sentence_that_got_lost_is_not_waited_for_for_ever_nor_said_to_be_heard() -> (
    None
):
    playback = given(
        lambda p: p.take(chunk(200, last=False), T),
        lambda p: p.announced(1, 1, T),
        lambda p: p.written(1, 1, T),
    )
    assert playback.held_up
    assert marks(playback.stalled(T + STALL_MS)) == ["r1.s1.200.end"]
    assert told(playback.echoed("r1.s1.200.end", T + STALL_MS)) == [
        PlaybackCleared(
            at_ms=T + STALL_MS,
            reply=1,
            sentence=1,
            played_ms=200,
            sentence_ms=200,
            whole=False,
            left_out=True,
        )
    ]


def with_a_sentence_left_out() -> Playback:
    """Sentences 1 and 3 of three are here, 2 never came."""
    playback = given(
        lambda p: p.take(chunk(200), T),
        lambda p: p.echoed("r1.s1.200.end", T + 200),
        lambda p: p.take(chunk(400, sentence=3), T + 200),
        lambda p: p.written(1, 3, T + 200),
    )
    assert sounds(playback.stalled(T + 200 + STALL_MS)) == [(3, 400)]
    return playback


def test_a_sentence_that_was_left_out_is_not_said_to_be_heard() -> None:
    later = T + 600 + STALL_MS
    assert told(with_a_sentence_left_out().echoed("r1.s3.400.end", later)) == [
        PlaybackCleared(
            at_ms=later,
            reply=1,
            sentence=2,
            played_ms=0,
            sentence_ms=0,
            whole=False,
            left_out=True,
        )
    ]


def test_nothing_behind_a_sentence_that_was_left_out_counts_as_confirmed() -> None:
    playback = given(
        lambda p: p.take(chunk(200), T),
        lambda p: p.echoed("r1.s1.200.end", T + 200),
        lambda p: p.take(chunk(400, sentence=3), T + 200),
    )
    playback.stalled(T + 200 + STALL_MS)
    assert told(playback.echoed("r1.s3.400.end", T + 600 + STALL_MS)) == []
    assert playback.confirmed == 1


def test_who_speaks_over_what_comes_behind_something_left_out_has_heard_up_to_there() -> None:
    cleared = told(with_a_sentence_left_out().cut(T + 300 + STALL_MS))[0]
    assert isinstance(cleared, PlaybackCleared)
    assert (cleared.sentence, cleared.played_ms, cleared.left_out) == (2, 0, False)


def test_a_hole_that_was_passed_over_is_how_far_the_reply_was_heard() -> None:
    playback = given(lambda p: p.take(piece(0, 800), T), lambda p: p.written(1, 1, T))
    heard(playback, piece(1600, 2400, last=True))
    playback.stalled(T + STALL_MS)
    cleared = told(playback.echoed("r1.s1.200.end", T + STALL_MS + 200))[0]
    assert isinstance(cleared, PlaybackCleared)
    assert (cleared.sentence, cleared.played_ms, cleared.whole) == (1, 100, False)


def test_a_sentence_is_late_700_ms_after_it_was_written_and_while_none_of_it_comes() -> None:
    playback = Playback()
    assert not playback.late(T)
    playback.expect(1, 1, T)
    assert not playback.late(T + 699)
    assert playback.late(T + 700)
    playback.take(chunk(200, last=False), T + 1_000)
    assert not playback.late(T + 1_699)
    assert playback.late(T + 1_700)
    playback.take(chunk(200, at_ms=200), T + 2_000)
    assert not playback.late(T + 60_000)


def test_what_is_missing_is_waited_for_from_when_it_was_written() -> None:
    playback = given(
        lambda p: p.take(chunk(200), T),
        lambda p: p.expect(1, 2, T + 60_000),
        lambda p: p.take(chunk(200, sentence=2, at_ms=200), T + 60_100),
    )
    assert playback.stalled(T + 60_000 + STALL_MS - 1) == []


def test_each_place_where_something_was_published_and_did_not_come_is_named() -> None:
    playback = given(lambda p: p.take(piece(0, 800), T))
    assert playback.lacking is None
    playback.take(piece(1600, 2400), T)
    assert playback.lacking == (1, 1, 800)
    playback.take(piece(800, 1600), T)
    assert playback.lacking is None
    playback.announced(1, 1, T)
    assert playback.lacking == (1, 1, 2400)


def test_nothing_is_left_out_while_the_caller_still_hears_something() -> None:
    playback = given(
        lambda p: p.take(chunk(8000 // 8 * 8 // 8, last=True), T),
        lambda p: p.take(chunk(200, sentence=3), T),
    )
    assert playback.audible(T + 900)
    assert playback.stalled(T + 900) == []


def test_sound_that_ran_out_in_mid_sentence_is_heard_no_longer() -> None:
    """No mark was sent behind it: there is no echo to wait for."""
    playback = Playback()
    playback.take(chunk(200, last=False), T)
    assert playback.audible(T + 200)
    assert not playback.audible(T + 500)
