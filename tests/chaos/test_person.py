"""When a caller who waits for an answer has waited enough."""

import time
from dataclasses import dataclass, field

import pytest

from loadtest.chaos.person import settled
from loadtest.chaos.sentences import BACK, Leg, Sentence, Story, Utterance


@dataclass
class Ear:
    """A caller's line of two legs, the second one up."""

    said_s: float  # when the caller's words ended
    broke_s: float  # when the first leg broke
    heard_s: float = field(default_factory=time.time)
    playing: bool = False
    up: bool = True

    def __post_init__(self) -> None:
        self.said = Utterance(
            question=1, attempt=1, leg=1, began_s=self.said_s - 1, ended_s=self.said_s
        )
        first = Leg(number=1, gateway="a", up_s=self.said_s - 9, down_s=self.broke_s, broke=True)
        second = Leg(number=2, gateway="b", up_s=self.broke_s + 0.2)
        self.story = Story(legs=[first, second], said=[self.said])

    @property
    def up_s(self) -> float:
        return self.story.legs[-1].up_s

    def hear(self, text: str) -> None:
        at_s = time.time()
        self.story.heard.append(Sentence(text=text, whole=True, leg=2, began_s=at_s, ended_s=at_s))


@pytest.fixture
def cut_off() -> Ear:
    return Ear(said_s=time.time() - 5, broke_s=time.time() - 4.8)


def test_who_is_told_that_the_line_was_cut_off_under_the_words_says_them_again(
    cut_off: Ear,
) -> None:
    enough = settled(cut_off, cut_off.said)
    cut_off.hear(BACK)
    assert not enough(), "the answer may follow at once"
    cut_off.heard_s -= 3
    assert enough()


def test_who_is_told_nothing_waits_on(cut_off: Ear) -> None:
    enough = settled(cut_off, cut_off.said)
    cut_off.heard_s -= 3
    assert not enough()


def test_who_was_heard_before_the_line_broke_waits_for_the_answer() -> None:
    ear = Ear(said_s=time.time() - 9, broke_s=time.time() - 4)
    enough = settled(ear, ear.said)
    ear.hear(BACK)
    ear.heard_s -= 3
    assert not enough()
    for part in "ABC":
        ear.hear(ear.said.code + part)
    assert enough()
