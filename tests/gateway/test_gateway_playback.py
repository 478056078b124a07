"""What is played, confirmed and cut, as pure steps: no socket, no clock."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given as given_some
from hypothesis import strategies as st

from contracts.line import PlaybackCleared, PlaybackFinished, PlaybackStarted, SentencePlayed
from services.audio.frames import AgentChunk
from services.gateway.playback import STALL_MS, Clear, Mark, Play, Playback, Step

T = 1_000_000  # some time
SENTENCE = bytes(at // 160 * 7 % 256 ^ at % 160 for at in range(4000))


def chunk(
    ms: int,
    *,
    reply: int = 1,
    sentence: int = 1,
    at_ms: int = 0,
    epoch: int = 1,
    last: bool = True,
) -> AgentChunk:
    return AgentChunk(epoch, reply, sentence, at_ms * 8, last, T, bytes([sentence]) * (ms * 8))


def cuts() -> st.SearchStrategy[list[AgentChunk]]:
    """The sentence as some worker might cut it: anywhere between two frames."""
    return st.sets(st.integers(1, 24)).map(
        lambda places: [
            piece(start * 160, end * 160, last=end == 25)
            for start, end in pairwise([0, *sorted(places), 25])
        ]
    )


def sounds(steps: list[Step]) -> list[tuple[int, int]]:
    """Sentence and milliseconds of what is played."""
    return [(step.mulaw[0], len(step.mulaw) // 8) for step in steps if isinstance(step, Play)]


def marks(steps: list[Step]) -> list[str]:
    return [step.name for step in steps if isinstance(step, Mark)]


def told(steps: list[Step]) -> list[Step]:
    return [step for step in steps if not isinstance(step, Play | Mark | Clear)]


def given(*acts: Callable[[Playback], list[Step]]) -> Playback:
    playback = Playback()
    for act in acts:
        act(playback)
    return playback


def test_a_sentence_is_sent_ahead_at_once_with_marks_every_half_second_and_at_its_end() -> None:
    steps = Playback().take(chunk(1000), T)
    assert steps[0] == PlaybackStarted(at_ms=T, reply=1)
    assert sounds(steps) == [(1, 500), (1, 500)]
    assert marks(steps) == ["r1.s1.500", "r1.s1.1000", "r1.s1.1000.end"]


def test_marks_are_spaced_over_small_pieces_as_well() -> None:
    playback, found = Playback(), []
    for number in range(6):
        found += playback.take(chunk(200, at_ms=number * 200, last=number == 5), T)
    assert marks(found) == ["r1.s1.500", "r1.s1.1000", "r1.s1.1200.end"]


def test_a_later_sentence_waits_for_the_one_before_it() -> None:
    playback = Playback()
    assert playback.take(chunk(200, sentence=2), T) == []
    assert playback.held_up
    assert sounds(playback.take(chunk(200, sentence=1), T)) == [(1, 200), (2, 200)]


def test_a_sentence_is_played_when_its_end_is_echoed_and_the_reply_when_all_are() -> None:
    playback = given(
        lambda p: p.take(chunk(200, sentence=1), T),
        lambda p: p.take(chunk(200, sentence=2), T),
        lambda p: p.written(1, 2, T),
    )
    assert told(playback.echoed("r1.s1.200.end", T + 200)) == [
        SentencePlayed(at_ms=T + 200, reply=1, sentence=1)
    ]
    assert told(playback.echoed("r1.s2.200.end", T + 400)) == [
        PlaybackFinished(at_ms=T + 400, reply=1)
    ]
    assert playback.under_way == 0


def test_a_reply_that_is_played_before_it_is_known_to_be_written_finishes_with_that() -> None:
    playback = given(lambda p: p.take(chunk(200), T), lambda p: p.echoed("r1.s1.200.end", T + 200))
    assert playback.under_way == 1
    assert playback.written(1, 1, T + 300) == [PlaybackFinished(at_ms=T + 300, reply=1)]


def test_what_was_heard_is_the_last_echo_and_the_time_since() -> None:
    playback = given(lambda p: p.take(chunk(1000), T), lambda p: p.echoed("r1.s1.500", T + 520))
    assert playback.cut(T + 720) == [
        Clear(),
        PlaybackCleared(
            at_ms=T + 720, reply=1, sentence=1, played_ms=700, sentence_ms=1000, whole=True
        ),
    ]


@pytest.mark.parametrize(("after_ms", "words"), [(0, 0), (299, 0), (300, 1), (450, 2)])
def test_the_words_heard_are_counted_where_the_synthesiser_told_their_times(
    after_ms: int, words: int
) -> None:
    playback = given(
        lambda p: p.take(chunk(1000), T), lambda p: p.announced(1, 1, T, (300, 450, 950))
    )
    (cleared,) = told(playback.cut(T + after_ms))
    assert isinstance(cleared, PlaybackCleared)
    assert cleared.words == words


def test_no_words_are_counted_of_a_sentence_whose_times_come_after_it_was_cut() -> None:
    playback = given(lambda p: p.take(chunk(1000, last=False), T))
    (cleared,) = told(playback.cut(T + 400))
    assert isinstance(cleared, PlaybackCleared)
    assert cleared.words is None
    assert playback.announced(1, 1, T + 500, (300, 450, 950)) == []


def test_words_are_counted_in_the_sentence_being_heard_not_in_the_one_being_sent() -> None:
    playback = given(
        lambda p: p.take(chunk(400, sentence=1), T),
        lambda p: p.announced(1, 1, T, (100, 200, 400)),
        lambda p: p.take(chunk(400, sentence=2), T),
        lambda p: p.announced(1, 2, T, (400,)),
    )
    (cleared,) = told(playback.cut(T + 250))
    assert isinstance(cleared, PlaybackCleared)
    assert (cleared.sentence, cleared.words) == (1, 2)


def test_without_an_echo_no_more_counts_as_heard_than_up_to_the_next_mark() -> None:
    playback = given(lambda p: p.take(chunk(1000), T))
    cleared = told(playback.cut(T + 60_000))[0]
    assert isinstance(cleared, PlaybackCleared)
    assert cleared.played_ms == 500


def test_time_between_two_sentences_is_not_counted_as_heard() -> None:
    playback = given(
        lambda p: p.take(chunk(200, sentence=1), T),
        lambda p: p.echoed("r1.s1.200.end", T + 200),
        lambda p: p.take(chunk(400, sentence=2, last=False), T + 5_000),
    )
    cleared = told(playback.cut(T + 5_100))[0]
    assert isinstance(cleared, PlaybackCleared)
    assert (cleared.sentence, cleared.played_ms, cleared.whole) == (2, 100, False)


def test_a_reply_cut_between_two_sentences_was_heard_up_to_the_first() -> None:
    playback = given(lambda p: p.take(chunk(200), T), lambda p: p.echoed("r1.s1.200.end", T + 200))
    cleared = told(playback.cut(T + 900))[0]
    assert isinstance(cleared, PlaybackCleared)
    assert (cleared.sentence, cleared.played_ms, cleared.sentence_ms) == (2, 0, 0)
    assert not cleared.whole


def test_marks_that_a_clear_echoes_back_are_not_heard() -> None:
    playback = given(lambda p: p.take(chunk(1000), T), lambda p: p.cut(T + 100))
    assert playback.echoed("r1.s1.500", T + 110) == []
    assert playback.echoed("r1.s1.1000.end", T + 110) == []


def test_what_still_comes_of_a_reply_that_was_cut_is_refused() -> None:
    playback = given(lambda p: p.take(chunk(200, last=False), T), lambda p: p.cut(T + 100))
    assert playback.take(chunk(200, at_ms=200), T + 150) == []
    assert playback.refused_chunks == 1
    assert sounds(playback.take(chunk(200, reply=2), T + 200)) == [(1, 200)]


def test_a_reply_waits_until_the_one_before_it_is_heard() -> None:
    playback = given(lambda p: p.take(chunk(200), T), lambda p: p.written(1, 1, T))
    assert playback.take(chunk(300, reply=2), T) == []
    steps = playback.echoed("r1.s1.200.end", T + 200)
    assert told(steps) == [
        PlaybackFinished(at_ms=T + 200, reply=1),
        PlaybackStarted(at_ms=T + 200, reply=2),
    ]
    assert sounds(steps) == [(1, 300)]


def test_a_reply_the_actor_gave_up_is_cleared_and_the_next_begins() -> None:
    playback = given(lambda p: p.take(chunk(2000), T), lambda p: p.take(chunk(300, reply=2), T))
    steps = playback.cancel(1, T + 100)
    assert isinstance(steps[0], Clear)
    assert sounds(steps) == [(1, 300)]
    assert playback.under_way == 2


def test_a_reply_given_up_before_its_sound_came_is_never_heard() -> None:
    playback = given(lambda p: p.cancel(1, T))
    assert playback.take(chunk(200), T) == []


def test_an_owner_of_the_past_is_not_heard() -> None:
    playback = given(lambda p: p.take(chunk(200, epoch=2, last=False), T))
    assert playback.take(chunk(200, epoch=1, at_ms=200), T) == []
    playback.own(3)
    assert playback.take(chunk(200, epoch=2, at_ms=400), T) == []
    assert playback.refused_chunks == 2


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


def test_a_carrier_that_confirms_nothing_is_not_believed_to_play_for_ever() -> None:
    playback = given(lambda p: p.take(chunk(1000), T))
    assert playback.audible(T + 2_900)
    assert not playback.audible(T + 3_100)


def test_a_reply_that_came_to_nothing_does_not_hold_up_the_next() -> None:
    playback = given(lambda p: p.written(1, 0, T))
    assert sounds(playback.take(chunk(200, reply=2), T)) == [(1, 200)]


def test_sound_that_ran_out_in_mid_sentence_is_heard_no_longer() -> None:
    """No mark was sent behind it: there is no echo to wait for."""
    playback = Playback()
    playback.take(chunk(200, last=False), T)
    assert playback.audible(T + 200)
    assert not playback.audible(T + 500)
