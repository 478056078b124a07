"""What a caller heard, held against what was said: the wrong is found, the right not blamed."""

import pytest

from loadtest.chaos.account import Silent, account
from loadtest.chaos.sentences import Leg, Listener, Outcome, Sentence, Story, Utterance


def heard(text: str, at_s: float, *, leg: int = 1, whole: bool = True) -> Sentence:
    return Sentence(text=text, whole=whole, leg=leg, began_s=at_s - 1, ended_s=at_s)


def said(
    question: int, at_s: float, *, attempt: int = 1, leg: int = 1, outcome: Outcome = "answered"
) -> Utterance:
    return Utterance(
        question=question,
        attempt=attempt,
        leg=leg,
        began_s=at_s,
        ended_s=at_s + 0.4,
        outcome=outcome,
    )


def told(*sentences: Sentence, words: list[Utterance] | None = None, **more: object) -> Story:
    legs = [Leg(number=1, gateway="g", up_s=0.0)]
    story = Story(call="c", legs=legs, said=words or [], heard=list(sentences), ended="hung_up")
    for name, value in more.items():
        setattr(story, name, value)
    return story


def wrong(story: Story) -> list[str]:
    return [f"{fault.what} {fault.code}".strip() for fault in account(story).wrong]


def reply(code: str, at_s: float, leg: int = 1) -> list[Sentence]:
    return [heard(code + part, at_s + n, leg=leg) for n, part in enumerate("ABC")]


def broken_at(at_s: float) -> list[Leg]:
    first = Leg(number=1, gateway="g", up_s=0.0, down_s=at_s, broke=True)
    return [first, Leg(number=2, gateway="g", up_s=at_s + 1)]


def test_a_call_in_which_all_was_heard_once_is_right() -> None:
    words = [said(1, 2), said(2, 10)]
    story = told(heard("A0", 1), *reply("0011", 4), *reply("0021", 12), words=words)
    assert wrong(story) == []
    assert account(story).answered == 2


def test_a_reply_without_its_middle_is_a_loss() -> None:
    first, _, last = reply("0011", 4)
    story = told(first, last, words=[said(1, 2), said(1, 20, attempt=2)])
    story.heard += reply("0012", 22)
    assert wrong(story) == ["lost 0011B"]


def test_a_reply_the_caller_spoke_over_is_none() -> None:
    first, *_ = reply("0011", 4)
    story = told(first, heard("0011B", 5, whole=False), words=[said(1, 2), said(2, 4.5)])
    story.heard += reply("0021", 7)
    assert "lost 0011B" not in wrong(story)


def test_a_code_nobody_answered_is_a_loss() -> None:
    story = told(*reply("0012", 22), words=[said(1, 2), said(1, 20, attempt=2)])
    assert wrong(story) == ["lost 0011"]


def test_a_code_the_agent_asked_back_about_is_none() -> None:
    words = [said(1, 2), said(1, 8, attempt=2)]
    assert wrong(told(heard("B0", 5), *reply("0012", 12), words=words)) == []


def test_a_code_said_while_the_line_broke_is_none() -> None:
    words = [said(1, 2), said(1, 8, attempt=2, leg=2)]
    story = told(*reply("0012", 12, leg=2), words=words, legs=broken_at(3.0))
    assert wrong(story) == []


@pytest.mark.parametrize(
    ("silent", "unrecorded"), [(Silent(2.0, 9.0), 1), (Silent(2.0, 7.0), 0), (Silent(6.0, 9.0), 0)]
)
def test_a_code_the_log_could_not_take_before_its_line_broke_is_counted_apart(
    silent: Silent, unrecorded: int
) -> None:
    words = [said(1, 2), said(1, 12, attempt=2, leg=2)]
    story = told(*reply("0012", 16, leg=2), words=words, legs=broken_at(8.0))
    judged = account(story, [silent])
    assert (judged.unrecorded, len(judged.wrong)) == (unrecorded, 1 - unrecorded)


def test_a_question_never_answered_is_told_apart() -> None:
    words = [said(1, 2, outcome="again"), said(1, 20, attempt=2, outcome="again")]
    assert wrong(told(words=words)) == ["lost 0011", "lost 0012", "unanswered 0012"]


def test_a_question_the_call_ended_upon_is_none_but_the_end_is() -> None:
    story = told(words=[said(1, 2, outcome="ended")], ended="the platform hung up")
    assert wrong(story) == ["dropped"]


def test_a_sentence_heard_twice_is_doubled() -> None:
    first, *rest = reply("0011", 4)
    assert wrong(told(first, first, *rest, words=[said(1, 2)])) == ["doubled 0011A"]


def test_the_greeting_too_comes_once() -> None:
    assert wrong(told(heard("A0", 1), heard("A0", 3))) == ["doubled A0"]


def test_two_codes_torn_to_the_same_rest_are_no_doubling() -> None:
    story = told(heard("00A", 3), heard("00A", 9, leg=2), words=[said(1, 2), said(2, 8)])
    story.legs = broken_at(3.5)
    assert not [fault for fault in wrong(story) if fault.startswith("doubled")]


@pytest.mark.parametrize(
    ("broke_s", "expected", "repeated"), [(4.1, [], 1), (4.5, ["doubled 0011A"], 0)]
)
def test_only_what_the_marks_cannot_have_confirmed_may_be_repeated_at_a_break(
    broke_s: float, expected: list[str], repeated: int
) -> None:
    first = heard("0011A", 4)
    story = told(first, *reply("0011", 8, leg=2), words=[said(1, 2)], legs=broken_at(broke_s))
    assert wrong(story) == expected
    assert account(story).repeated_at_loss == repeated


def test_replies_come_in_the_order_of_their_questions() -> None:
    words = [said(1, 2), said(2, 4)]
    story = told(*reply("0021", 8), *reply("0011", 12), words=words)
    assert wrong(story) == ["disordered 0011A", "disordered 0011B", "disordered 0011C"]


def test_a_sentence_to_a_code_nobody_said_is_unknown() -> None:
    assert wrong(told(*reply("0011", 4), heard("77A", 9), words=[said(1, 2)])) == ["unknown 77A#"]


def test_sentences_are_whole_by_their_end_and_cut_by_the_next_ones_begin() -> None:
    ear = Listener()
    found = [s for at, symbol in enumerate("*1A*1B#") for s in ear.hear(symbol, 1, at)]
    assert [(s.text, s.whole) for s in found] == [("1A", False), ("1B", True)]


def test_a_sentence_without_its_begin_is_not_whole() -> None:
    ear = Listener()
    found = [s for symbol in "1A#" for s in ear.hear(symbol, 1, 0.0)]
    assert [(s.text, s.whole) for s in found] == [("1A", False)]


def test_a_line_that_breaks_cuts_what_was_begun() -> None:
    ear = Listener()
    ear.hear("*", 1, 0.0)
    ear.hear("1", 1, 0.1)
    assert [(s.text, s.whole) for s in ear.silence(1, 0.2)] == [("1", False)]
    assert ear.silence(1, 0.3) == []


@pytest.mark.parametrize(("silent_from_s", "repeated"), [(4.1, 1), (4.6, 0)])
def test_what_a_silent_log_could_not_take_may_be_repeated_too(
    silent_from_s: float, repeated: int
) -> None:
    first = heard("0011A", 4)
    story = told(first, *reply("0011", 12, leg=2), words=[said(1, 2)], legs=broken_at(8.0))
    judged = account(story, [Silent(silent_from_s, 9.0)])
    assert judged.repeated_at_loss == repeated
    assert account(story, [Silent(2.0, 5.0)]).repeated_at_loss == 0


@pytest.mark.parametrize(("killed", "repeated"), [("g", 1), ("another", 0)])
def test_a_line_that_notices_late_that_its_gateway_was_killed_broke_when_it_was(
    killed: str, repeated: int
) -> None:
    first = heard("0011A", 4)
    story = told(first, *reply("0011", 12, leg=2), words=[said(1, 2)], legs=broken_at(4.6))
    judged = account(story, [Silent(4.1, 9.0, killed)])
    assert (judged.repeated_at_loss, judged.count("doubled")) == (repeated, 1 - repeated)
