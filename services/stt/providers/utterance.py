"""An ear for recognisers that take a whole utterance: the turn is kept, and sent when it is over.

Silence is never sent: these recognisers find words in it. Nor is it paid for.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, TypeAlias

from contracts.agent import Turns
from services.audio import mulaw
from services.audio.frames import FRAME_MS, SAMPLE_RATE_HZ
from services.audio.resample import resample
from services.audio.vad import Started, VadSettings, VoiceActivity
from services.audio.wav import pcm_to_wav
from services.stt.provider import Capabilities, Heard

CAPABILITIES: Final = Capabilities(
    interim=False, end_of_turn=False, continuous=False, formats=("wav/16000",)
)
TURN_FRAMES: Final = 60_000 // FRAME_MS  # kept of a turn at most: 480 kB
_RATE_HZ: Final = 16_000  # what Whisper and its kin were trained on

Transcribe: TypeAlias = Callable[[bytes], Awaitable[Heard]]
"""The final words of an utterance, given as mu-law, 8 kHz. Raises RecognitionFailed."""


def wav_of(sound: bytes) -> bytes:
    """A WAV file of mu-law `sound`: 16-bit PCM, 16 kHz."""
    return pcm_to_wav(resample(mulaw.decode(sound), SAMPLE_RATE_HZ, _RATE_HZ), _RATE_HZ)


class UtteranceEar:
    """One call's turns. Several may be with the recogniser; their words come in order."""

    def __init__(self, transcribe: Transcribe, turns: Turns) -> None:
        """`turns` says what counts as speech, as it does for the gateway."""
        self.dropped_frames = 0  # of turns longer than TURN_FRAMES, their oldest
        self._transcribe = transcribe
        self._speech = VadSettings(
            ratio=turns.ratio, minimum_rms=turns.minimum_rms, min_speech_ms=turns.speech_ms
        )
        self._finals: asyncio.Queue[asyncio.Task[Heard] | None] = asyncio.Queue()
        self._asked: set[asyncio.Task[Heard]] = set()  # whose words nobody took yet
        self._closed = False
        self._begin_turn()

    def _begin_turn(self) -> None:
        self._frames: deque[bytes] = deque(maxlen=TURN_FRAMES)
        self._voice = VoiceActivity(self._speech)
        self._spoken = False

    def feed(self, frame: bytes) -> None:
        """Keep 20 ms of mu-law, 8 kHz. The oldest frame goes when the turn lasts 60 s."""
        if self._closed:
            return
        self.dropped_frames += len(self._frames) == TURN_FRAMES
        self._frames.append(frame)
        self._spoken = self._spoken or isinstance(self._voice.feed(frame), Started)

    def finish(self) -> None:
        """Have the turn transcribed; without speech in it, nothing was said."""
        if self._closed:
            return
        words = self._transcribe(b"".join(self._frames)) if self._spoken else _nothing()
        self._begin_turn()
        asked = asyncio.ensure_future(words)
        self._asked.add(asked)
        self._finals.put_nowait(asked)

    async def heard(self) -> AsyncGenerator[Heard]:
        """The turns' words, until `close`. Raises RecognitionFailed."""
        while (asked := await self._finals.get()) is not None:
            await asyncio.wait({asked})
            if asked.cancelled():  # by `close`
                return
            self._asked.discard(asked)
            yield asked.result()

    async def close(self) -> None:
        """Take back what the recogniser was asked."""
        self._closed = True
        asked, self._asked = self._asked, set()
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        self._finals.put_nowait(None)


async def _nothing() -> Heard:
    return Heard(text="", final=True)
