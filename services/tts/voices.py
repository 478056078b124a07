"""The voices of a sentence, and how long each may keep silent while another is left."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from msgspec import UnsetType

from contracts.dialog import Voice
from infra.apart import Apart
from services.tts.provider import Piece, SynthesisError

FIRST_MS: Final = 2_000
STALL_MS: Final = 2_000


def voices_of(voice: Voice) -> tuple[Voice, ...]:
    """It and its fallbacks, each as a synthesiser is given it."""
    fallbacks = () if isinstance(voice.fallbacks, UnsetType) else voice.fallbacks
    return tuple(
        Voice(
            provider=each.provider,
            name=each.name,
            speed_wpm=each.speed_wpm,
            model=each.model,
            language=each.language,
        )
        for each in (voice, *fallbacks)
    )


async def in_time(
    pieces: AsyncGenerator[Piece], voice: str, written: Voice
) -> AsyncGenerator[Piece]:
    """The same sound. Raises SynthesisError when more of it is waited for longer than `written`
    has it. Leaving it never waits for the synthesiser.
    """
    wait_ms = FIRST_MS if isinstance(written.first_ms, UnsetType) else written.first_ms
    stall_ms = STALL_MS if isinstance(written.stall_ms, UnsetType) else written.stall_ms
    apart = Apart(pieces)
    try:
        while piece := await apart.next(wait_ms / 1000):
            yield piece
            wait_ms = stall_ms
    except TimeoutError:
        raise SynthesisError(voice, "timeout", retryable=True) from None
    finally:
        apart.leave()


def closable(pieces: AsyncIterator[Piece]) -> AsyncGenerator[Piece]:
    """The port promises an iterator that can be closed; its type can't say so."""
    assert isinstance(pieces, AsyncGenerator)
    return pieces
