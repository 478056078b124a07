"""Sound to be played, and what is seen of the steps it leads to."""

from collections.abc import Callable

from services.audio.frames import AgentChunk
from services.gateway.playback import Clear, Mark, Play, Playback, Step

T = 1_000_000  # some time


def chunk(
    ms: int,
    *,
    reply: int = 1,
    sentence: int = 1,
    at_ms: int = 0,
    epoch: int = 1,
    last: bool = True,
) -> AgentChunk:
    return AgentChunk(epoch, reply, sentence, at_ms * 8, last, T, bytes([sentence]) * (ms * 8))


def sounds(steps: list[Step]) -> list[tuple[int, int]]:
    """Sentence and milliseconds of what is played."""
    return [(step.mulaw[0], len(step.mulaw) // 8) for step in steps if isinstance(step, Play)]


def marks(steps: list[Step]) -> list[str]:
    return [step.name for step in steps if isinstance(step, Mark)]


def told(steps: list[Step]) -> list[Step]:
    return [step for step in steps if not isinstance(step, Play | Mark | Clear)]


def given(*acts: Callable[[Playback], list[Step]]) -> Playback:
    playback = Playback()
    for act in acts:
        act(playback)
    return playback
