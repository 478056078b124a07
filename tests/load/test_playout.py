"""The caller's buffer: what comes too late, what the caller misses, which marks are echoed when."""

import pytest

from loadtest.load.playout import Playout

FRAME = 160  # bytes of 20 ms
SECOND = 8_000


def test_sound_that_is_there_at_once_cannot_be_late() -> None:
    ear = Playout()
    ear.sound(3 * SECOND, 10.0)
    assert (ear.frames, ear.late_frames, ear.gaps_ms) == (150, 0, [])


def test_sound_that_comes_in_real_time_is_not_late() -> None:
    ear = Playout()
    for number in range(50):
        ear.sound(FRAME, 10.0 + number * 0.02)
    assert (ear.frames, ear.late_frames, ear.gaps_ms) == (50, 0, [])


def test_twenty_milliseconds_behind_are_forgiven_and_more_are_not() -> None:
    ear = Playout()
    ear.sound(FRAME, 10.0)
    ear.sound(FRAME, 10.0 + 0.02 + 0.02)
    assert ear.late_frames == 0
    ear.sound(FRAME, 10.0 + 0.04 + 0.021)
    assert ear.late_frames == 1


def test_of_a_piece_that_comes_late_only_the_frames_behind_their_place_are_late() -> None:
    ear = Playout()
    ear.sound(5 * FRAME, 10.0)
    ear.sound(5 * FRAME, 10.0 + 0.1 + 0.05)  # its frames are 50, 30, 10, -10, -30 ms behind
    assert ear.late_frames == 2


def test_a_reply_that_was_held_up_once_stays_behind_while_the_caller_misses_it_once() -> None:
    ear = Playout()
    ear.sound(FRAME, 10.0)
    for number in range(1, 11):
        ear.sound(FRAME, 10.1 + number * 0.02)
    assert ear.late_frames == 10
    assert ear.gaps_ms == [pytest.approx(100.0)]


def test_a_reply_has_its_own_beginning() -> None:
    ear = Playout()
    ear.sound(SECOND, 10.0)
    ear.listen()
    assert ear.heard_at is None
    ear.sound(SECOND, 15.0)
    assert (ear.heard_at, ear.late_frames, ear.gaps_ms) == (15.0, 0, [])
    assert ear.reply_ms == 1_000


def test_a_mark_is_reached_when_all_sound_before_it_is_played() -> None:
    ear = Playout()
    ear.sound(SECOND, 10.0)
    ear.mark("first")
    ear.sound(SECOND, 10.5)
    ear.mark("second")
    assert ear.reached(10.9) == []
    assert ear.reached(11.0) == ["first"]
    assert ear.reached(12.5) == ["second"]
    assert ear.reached(13.0) == []


def test_clear_empties_the_buffer_and_gives_all_marks_back() -> None:
    ear = Playout()
    ear.sound(SECOND, 10.0)
    ear.mark("first")
    ear.mark("last")
    assert ear.playing(10.2)
    assert ear.clear(10.2) == ["first", "last"]
    assert not ear.playing(10.2)
    assert ear.cleared_at == 10.2


def test_a_caller_waits_on_while_a_mark_is_out() -> None:
    ear = Playout()
    ear.sound(SECOND, 10.0)
    ear.mark("end")
    assert ear.quiet_s(11.5) == 0.0
    ear.reached(11.5)
    assert ear.quiet_s(11.5) == pytest.approx(0.5)


def test_a_mark_that_comes_again_is_counted() -> None:
    ear = Playout()
    for name in ("a", "b", "a"):
        ear.mark(name)
    assert ear.twice == 1


def test_with_the_line_its_buffer_is_lost() -> None:
    ear = Playout()
    ear.sound(SECOND, 10.0)
    ear.mark("end")
    ear.forget(10.3)
    assert not ear.playing(10.3)
    assert ear.reached(20.0) == []


def test_the_phrase_that_asks_to_wait_is_no_part_of_the_reply_that_comes_after_it() -> None:
    ear = Playout()
    ear.phrase(SECOND, 10.0)
    assert (ear.heard_at, ear.reply_ms, ear.playing(10.5)) == (None, 0.0, True)
    ear.clear(10.5)
    ear.sound(SECOND, 10.5)
    assert (ear.heard_at, ear.reply_ms, ear.phrase_ms) == (10.5, 1_000, 1_000)
    assert (ear.late_frames, ear.gaps_ms) == (0, [])
