"""What is played, confirmed and cut, as pure steps: no socket, no clock."""

import pytest
from playback_steps import T, chunk, given, marks, sounds, told

from contracts.line import PlaybackCleared, PlaybackFinished, PlaybackStarted, SentencePlayed
from services.gateway.playback import Clear, Playback


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


def test_a_carrier_that_confirms_nothing_is_not_believed_to_play_for_ever() -> None:
    playback = given(lambda p: p.take(chunk(1000), T))
    assert playback.audible(T + 2_900)
    assert not playback.audible(T + 3_100)


def test_a_reply_that_came_to_nothing_does_not_hold_up_the_next() -> None:
    playback = given(lambda p: p.written(1, 0, T))
    assert sounds(playback.take(chunk(200, reply=2), T)) == [(1, 200)]
