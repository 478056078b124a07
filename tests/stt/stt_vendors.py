"""Vendors of whole turns and of turns that we end: any sound is UNDERSTOOD."""

from itertools import count

from stt_understanding import UNDERSTOOD
from vendors.elevenlabs_scribe import ScribeLine
from vendors.sarvam import SaarasLine
from vendors.sockets import Line
from vendors.transcribing import Recording

from services.audio.frames import SILENT_FRAME

PAUSE_BYTES = 16_000  # half a second of PCM at 16 kHz


async def transcribed(recording: Recording) -> None:
    """Groq and OpenAI."""
    await recording.words(UNDERSTOOD)


async def scribe(line: ScribeLine) -> None:
    """ElevenLabs: drafted and settled at each commit."""
    taken = 0
    for number in count():
        end = await _nth(line, line.committed_bytes, number)
        words = UNDERSTOOD if line.audio[taken:end].strip(SILENT_FRAME) else ""
        await line.partial(words)
        await line.committed(words)
        taken = end


async def saaras(line: SaarasLine) -> None:
    """Sarvam."""
    stretches = _Stretches(line)
    while True:
        if await stretches.next():
            await line.start_speech()
            await line.end_speech()
            await line.words(UNDERSTOOD, "en-IN")


class _Stretches:
    """Speech that is over with a pause or a flush; a flush of silence is not answered."""

    def __init__(self, line: SaarasLine) -> None:
        self._line = line
        self._taken = self._answered = 0

    async def next(self) -> bool:
        """The next stretch; False: there was no sound in it."""
        await self._line.until(lambda: self._flushed or self._paused)
        flushed = self._flushed
        end = self._line.flushed_bytes[self._answered] if flushed else len(self._line.audio)
        sound = self._line.audio[self._taken : end].strip(b"\0")
        self._taken, self._answered = end, self._answered + flushed
        return bool(sound)

    @property
    def _flushed(self) -> bool:
        return len(self._line.flushed_bytes) > self._answered

    @property
    def _paused(self) -> bool:
        heard = self._line.audio[self._taken :]
        return bool(heard.strip(b"\0")) and heard.endswith(bytes(PAUSE_BYTES))


async def _nth(line: Line, ends: list[int], number: int) -> int:
    """Where a turn's audio ends, once it was told so."""
    await line.until(lambda: len(ends) > number)
    return ends[number]
