"""What Whisper wrote is not always what was said."""

import pytest

from services.stt.providers.whisper_doubt import Segment, heard

SURE = Segment(" I would like an appointment.", avg_logprob=-0.1)


def test_words_of_all_segments_with_their_mean_probability() -> None:
    said = heard([SURE, Segment(" On Tuesday", avg_logprob=-0.5)], "en-US")
    assert (said.text, said.final) == ("I would like an appointment. On Tuesday", True)
    assert said.confidence == pytest.approx((0.9048 * 29 + 0.6065 * 11) / 40, abs=1e-3)
    assert said.language == "en-US"


@pytest.mark.parametrize(
    "made_up",
    [
        Segment(" So we go on.", avg_logprob=-1.2, no_speech_prob=0.7),
        Segment(" Thank you.", avg_logprob=-0.2, no_speech_prob=0.8),
        Segment(" Thanks for watching!", avg_logprob=-0.1, no_speech_prob=0.61),
        Segment(" Subtitles by the Amara.org community", avg_logprob=-0.1, no_speech_prob=0.9),
        Segment(" you", avg_logprob=-0.3, no_speech_prob=0.95),
        Segment("  "),
    ],
)
def test_what_was_made_up_from_noise_is_nothing_said(made_up: Segment) -> None:
    assert heard([made_up], "en").text == ""
    assert heard([SURE, made_up], "en") == heard([SURE], "en")


@pytest.mark.parametrize(
    "said",
    [
        Segment(" Thank you.", avg_logprob=-0.2, no_speech_prob=0.1),
        Segment(" Four five six", avg_logprob=-0.2, no_speech_prob=0.9),  # sure, and no known one
    ],
)
def test_what_was_said_is_kept_even_if_it_is_often_made_up_or_the_line_is_noisy(
    said: Segment,
) -> None:
    assert heard([said], "en").text == said.text.strip()
    assert heard([said], "en").confidence > 0.8


@pytest.mark.parametrize(
    "failed",
    [Segment("of of of of of of", compression_ratio=3.0), Segment("Urm", avg_logprob=-1.1)],
)
def test_a_segment_that_failed_is_not_believed(failed: Segment) -> None:
    assert heard([failed], "en").confidence == 0.0
    assert 0.0 < heard([SURE, failed], "en").confidence < heard([SURE], "en").confidence
