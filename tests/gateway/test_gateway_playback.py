"""What is played, confirmed and cut, as pure steps: no socket, no clock."""

from collections.abc import Callable

from contracts.line import PlaybackCleared, PlaybackFinished, PlaybackStarted, SentencePlayed
from services.audio.frames import AgentChunk
from services.gateway.playback import STALL_MS, Clear, Mark, Play, Playback, Step

T = 1_000_000  # some time


def chunk(
    ms: int,
    *,
    reply: int = 1,
    sentence: int = 1,
    number: int = 0,
    epoch: int = 1,
    last: bool = True,
) -> AgentChunk:
    return AgentChunk(epoch, reply, sentence, number, last, T, bytes([sentence]) * (ms * 8))


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
        found += playback.take(chunk(200, number=number, last=number == 5), T)
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
    assert playback.take(chunk(200, number=1), T + 150) == []
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
    assert playback.take(chunk(200, epoch=1, number=1), T) == []
    playback.own(3)
    assert playback.take(chunk(200, epoch=2, number=2), T) == []
    assert playback.refused_chunks == 2


def test_a_sentence_synthesised_twice_is_heard_once() -> None:
    playback = given(lambda p: p.take(chunk(200, number=0, last=False), T))
    assert playback.take(chunk(200, number=0, last=False), T) == []
    assert sounds(playback.take(chunk(200, number=1), T)) == [(1, 200)]
    assert playback.take(chunk(200, number=1), T) == []


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


def test_the_end_of_a_sentence_that_got_lost_is_made_up_for() -> None:
    playback = given(
        lambda p: p.take(chunk(200, last=False), T),
        lambda p: p.announced(1, 1, T),
        lambda p: p.written(1, 1, T),
    )
    assert playback.held_up
    assert marks(playback.stalled(T + 10_000)) == ["r1.s1.200.end"]
    assert told(playback.echoed("r1.s1.200.end", T + 10_000)) == [
        PlaybackFinished(at_ms=T + 10_000, reply=1)
    ]


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
