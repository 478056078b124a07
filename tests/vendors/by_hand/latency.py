"""How long the real vendors take, by their own words; so long the loopback ones take, too."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Milliseconds of each step.

    Sources: Flux's end of turn, 260 ms in the median: deepgram.com/learn/introducing-flux; nova's
    results lag the audio by less than 300 ms: deepgram.com/product/speech-to-text; a first token
    from Groq in about 100 ms: artificialanalysis.ai; ElevenLabs Flash v2.5, 75 ms:
    elevenlabs.io/docs/models.
    """

    words_ms: int = 150  # from a word's sound to its draft
    end_of_turn_ms: int = (
        260  # from the last sound to the end of the turn, where the vendor says it
    )
    eager_ms: int = 120  # from the last sound to its being probable
    first_token_ms: int = 100
    token_ms: int = 4
    first_audio_ms: int = 75


PUBLISHED = Latency()
INSTANT = Latency(
    words_ms=0, end_of_turn_ms=60, eager_ms=40, first_token_ms=0, token_ms=0, first_audio_ms=0
)


async def wait(ms: float) -> None:
    """As long as the vendor takes."""
    if ms > 0:
        await asyncio.sleep(ms / 1000)
