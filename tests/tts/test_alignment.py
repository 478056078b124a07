"""When each word of a text ends, from what vendors say about the pieces they spoke."""

import pytest

from services.tts.provider import WordTimes
from services.tts.providers.alignment import Alignment


def aligned(text: str, *pieces: tuple[str, float]) -> tuple[int, ...] | None:
    alignment = Alignment(text)
    for said, end_ms in pieces:
        alignment.add(said, end_ms)
    times = alignment.times()
    return times.ends_ms if isinstance(times, WordTimes) else None


def test_a_word_ends_with_its_last_letter() -> None:
    letters = [(letter, 10.0 * at) for at, letter in enumerate("Good day. ", start=1)]
    assert aligned("Good day.", *letters) == (40, 80)


def test_words_may_be_cut_otherwise_and_lack_their_marks() -> None:
    pieces = [("check", 300), ("up", 420), ("costs", 700), ("45", 900), ("€", 1_000)]
    assert aligned("Check-up costs 45 €.", *pieces) == (420, 700, 900, 900)


def test_letters_of_all_languages_count() -> None:
    assert aligned("Straße, Zoë!", ("straße", 400), ("ZOË", 800)) == (400, 800)
    assert aligned("नमस्ते दोस्त", ("नमस्ते", 400), ("दोस्त", 800)) == (400, 800)


def test_times_that_run_back_stand_still() -> None:
    assert aligned("one two", ("one", 500), ("two", 300)) == (500, 500)


@pytest.mark.parametrize(
    "pieces",
    [
        [("It", 100), ("costs", 300), ("forty", 500), ("five", 700)],
        [("It", 100), ("costs", 300)],
        [],
    ],
)
def test_of_other_words_than_the_texts_no_times_are_told(pieces: list[tuple[str, float]]) -> None:
    assert aligned("It costs 45", *pieces) is None
