"""Vendors of whole turns and of turns that we end: any sound is UNDERSTOOD."""

from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from stt_understanding import UNDERSTOOD
from vendors.elevenlabs_scribe import ScribeLine
from vendors.sarvam import SaarasLine
from vendors.sockets import Line
from vendors.tiny_whisper import make_model
from vendors.transcribing import Recording

from services.audio.frames import SILENT_FRAME

_folders: list[TemporaryDirectory[str]] = []  # gone when the tests are


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
    """Sarvam: a stretch of speech is over with a flush; a flush of silence is not answered."""
    taken = 0
    for number in count():
        end = await _nth(line, line.flushed_bytes, number)
        if line.audio[taken:end].strip(b"\0"):
            await line.start_speech()
            await line.end_speech()
            await line.words(UNDERSTOOD, "en-IN")
        taken = end


@cache
def tiny_whisper() -> Path:
    """The folder of a model."""
    folder = TemporaryDirectory(prefix="partyline-tiny-whisper-")
    _folders.append(folder)
    return make_model(Path(folder.name), UNDERSTOOD)


async def _nth(line: Line, ends: list[int], number: int) -> int:
    """Where a turn's audio ends, once it was told so."""
    await line.until(lambda: len(ends) > number)
    return ends[number]
