"""The voice of touch tones."""

from contracts.dialog import Voice
from services.audio.frames import FRAME_BYTES, duration_ms
from services.audio.touch_tones import decode
from services.tts.providers.tones import Tones


async def test_a_sentence_is_its_symbols_and_as_long_as_speech() -> None:
    sound = b"".join(await _pieces("*0 7 1 A#."))
    assert decode(sound) == "*071A#"
    assert duration_ms(sound) == 1_200


async def test_the_last_symbol_stands_at_the_very_end() -> None:
    sound = b"".join(await _pieces("*0 7 1 A#."))
    assert decode(sound[: -6 * FRAME_BYTES]) == "*071A"


async def test_a_sentence_spoken_again_comes_in_the_same_pieces() -> None:
    assert await _pieces("*0 7 1 A#.") == await _pieces("*0 7 1 A#.")


async def test_a_long_sentence_is_not_cut() -> None:
    symbols = "0123456789" * 3
    assert decode(b"".join(await _pieces(symbols))) == symbols


async def _pieces(text: str) -> list[bytes]:
    return [piece async for piece in Tones().speak(text, Voice(provider="tones"))]
