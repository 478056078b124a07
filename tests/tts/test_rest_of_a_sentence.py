"""What another voice says of a sentence that broke off."""

import pytest

from contracts.dialog import Voice
from services.tts.rest import Paces, rest_of

TEXT = "Your appointment is on Tuesday at ten."
VOICE = Voice(provider="elevenlabs")


@pytest.mark.parametrize(
    ("said_ms", "rest"),
    [
        (0, TEXT),
        (200, TEXT),  # amid the first word: it is said again whole
        (250, "appointment is on Tuesday at ten."),
        (840, "appointment is on Tuesday at ten."),
        (900, "is on Tuesday at ten."),
        (60_000, "ten."),  # it had not come to its end, whatever the reckoning says
    ],
)
def test_the_rest_begins_with_the_word_in_which_the_sound_ends(said_ms: int, rest: str) -> None:
    assert rest_of(TEXT, said_ms, 50.0) == rest


def test_a_sentence_of_one_word_is_said_again() -> None:
    assert rest_of("Goodbye.", 300, 50.0) == "Goodbye."


def test_a_voice_not_heard_yet_is_taken_to_speak_as_fast_as_it_is_set() -> None:
    paces = Paces()
    assert paces.ms_per_character(VOICE) == 60
    assert paces.ms_per_character(Voice(provider="elevenlabs", speed_wpm=330)) == 30


def test_a_voice_is_reckoned_by_how_long_it_took_for_its_sentences() -> None:
    paces = Paces()
    paces.learn(VOICE, 100, 9_000)
    assert paces.ms_per_character(VOICE) == 90
    paces.learn(VOICE, 100, 10_000)
    assert paces.ms_per_character(VOICE) == pytest.approx(93)
    assert paces.ms_per_character(Voice(provider="elevenlabs", name="other")) == 60


def test_short_sentences_tell_nothing_of_a_voice() -> None:
    paces = Paces()
    paces.learn(VOICE, 4, 1_000)
    assert paces.ms_per_character(VOICE) == 60
