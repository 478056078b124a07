"""Frames stay with their publisher as long as somebody may have to ask for them."""

import pytest

from infra import kept_frames
from infra.kept_frames import KeptFrames


class Clock:
    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(kept_frames, "time", clock)
    return clock


def seconds(kept: KeptFrames, clock: Clock, count: int) -> None:
    for _ in range(count):
        clock.now_s += 1
        kept.add("audio", b"%d" % clock.now_s)


def held(kept: KeptFrames) -> list[int]:
    return [int(payload) for _, payload in kept]


def test_the_frames_of_the_last_seconds_are_kept(clock: Clock) -> None:
    kept = KeptFrames()
    seconds(kept, clock, 20)
    assert held(kept) == list(range(112, 121))


def test_while_the_log_takes_nothing_what_came_shortly_before_is_kept(clock: Clock) -> None:
    kept = KeptFrames()
    seconds(kept, clock, 10)
    with kept.appending():
        seconds(kept, clock, 12)
        assert held(kept)[0] == 102


def test_who_hears_of_speech_when_the_log_is_back_has_time_to_ask(clock: Clock) -> None:
    kept = KeptFrames()
    seconds(kept, clock, 10)
    with kept.appending():
        seconds(kept, clock, 12)
    seconds(kept, clock, 7)
    assert held(kept)[0] == 102
    seconds(kept, clock, 1)
    assert held(kept)[0] == 122


def test_an_append_that_takes_no_time_keeps_nothing_longer(clock: Clock) -> None:
    kept = KeptFrames()
    seconds(kept, clock, 10)
    with kept.appending():
        clock.now_s += 0.1
    seconds(kept, clock, 1)
    assert held(kept)[0] == 104
