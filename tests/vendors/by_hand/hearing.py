"""Recognition by acquaintance: recordings are known by their very frames."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import services.cli.example
from services.audio.frames import FRAME_BYTES, FRAME_MS, split
from services.audio.mulaw import level_rms
from services.audio.wav import read_wav

LOUD_RMS = 200.0  # what is softer is not speech
VOICES = Path(services.cli.example.__file__).parent / "voices"
_SAID = re.compile(r'^say (\S+) "(.*)"$', re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """A frame's place in a recording."""

    words: str  # of the whole recording
    through: float  # share of its speech that has been heard with this frame, 0..1


def said() -> dict[str, str]:
    """What each recording says, by its name."""
    return dict(_SAID.findall((VOICES / "record.sh").read_text()))


def known() -> dict[bytes, Place]:
    """Every frame that is heard in one place only, of all recordings."""
    words = said()
    heard = {name: list(split(read_wav(VOICES / f"{name}.wav"))) for name in words}
    times = Counter(frame for frames in heard.values() for frame in frames)
    found: dict[bytes, Place] = {}
    for name, frames in heard.items():
        telling = [
            number
            for number, frame in enumerate(frames)
            if times[frame] == 1 and level_rms(frame) >= LOUD_RMS
        ]
        first, last = telling[0], telling[-1]
        for number in telling:
            through = (number - first + 1) / (last - first + 1)
            found[frames[number]] = Place(words[name], through)
    return found


class Ear:
    """What has been said in the present turn, and how long it has been quiet since."""

    def __init__(self, frames: dict[bytes, Place]) -> None:
        self._known, self._rest = frames, b""
        self._before: list[str] = []  # recordings heard whole
        self._now: Place | None = None
        self.quiet_ms = 0

    def take(self, audio: bytes) -> None:
        """Listen to mu-law, 8 kHz, in pieces of any length."""
        audio = self._rest + audio
        whole = len(audio) // FRAME_BYTES * FRAME_BYTES
        self._rest = audio[whole:]
        for start in range(0, whole, FRAME_BYTES):
            self._take_frame(audio[start : start + FRAME_BYTES])

    def _take_frame(self, frame: bytes) -> None:
        place = self._known.get(frame)
        if place is None:
            self.quiet_ms += FRAME_MS
            return
        if self._now and place.words != self._now.words:
            self._before.append(self._now.words)
        self._now, self.quiet_ms = place, 0

    @property
    def words(self) -> str:
        """The turn's words so far, as the vendors write them."""
        spoken = [*self._before, *([_part(self._now)] if self._now else [])]
        return written(" ".join(filter(None, spoken)))

    @property
    def whole(self) -> bool:
        """What was heard last has come to its end: a recogniser would know by the sense of it."""
        return self._now is not None and self._now.through >= 1.0

    def forget(self) -> None:
        """The turn is over."""
        self._before, self._now = [], None


def _part(place: Place) -> str:
    words = place.words.split()
    return " ".join(words[: max(1, round(len(words) * place.through))])


def written(words: str) -> str:
    """With the capitals and the stop that formatting gives."""
    return f"{words[0].upper()}{words[1:]}." if words else ""
