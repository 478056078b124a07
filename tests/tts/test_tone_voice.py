"""The voice for load: a tone, all at once or streamed."""

import pytest

from contracts.dialog import Voice
from services.audio.frames import duration_ms
from services.tts.provider import SynthesisError
from services.tts.providers.tone import MS_PER_CHARACTER, Tone

TEXT = "Good morning."


async def test_a_tone_comes_in_one_piece_unless_it_is_to_be_streamed() -> None:
    (sound,) = await _pieces("")
    assert duration_ms(sound) == len(TEXT) * MS_PER_CHARACTER


async def test_a_streamed_tone_is_the_same_sound_in_pieces_of_a_tenth_of_a_second() -> None:
    pieces = await _pieces("100x")
    assert b"".join(pieces) == b"".join(await _pieces(""))
    assert [duration_ms(piece) for piece in pieces] == [100] * 7 + [80]


@pytest.mark.parametrize("pace", ["fast", "0x", "1.5", "-1x"])
async def test_a_pace_that_is_none_is_refused(pace: str) -> None:
    with pytest.raises(SynthesisError, match="refused"):
        await _pieces(pace)


async def _pieces(pace: str) -> list[bytes]:
    voice = Voice(provider="tone", model=pace)
    return [piece async for piece in Tone().speak(TEXT, voice)]
