"""What is left to say of a sentence that broke off amid its sound. Pure but for `Paces`.

No synthesiser here says when each word is spoken, so it is reckoned from how long the voice takes
for a character: as it was heard to in this process, else as its speed promises. The word in which
it broke off is said again whole: a word twice is understood, one that is missing may not be.
"""

import re
from typing import Final, TypeAlias

from contracts.dialog import FallbackVoice

_MS_PER_CHARACTER: Final = 60  # common speed of speech, at _USUAL_WPM
_USUAL_WPM: Final = 165
_WEIGHT: Final = 0.3  # of the newest sentence
_LEAST_CHARACTERS: Final = 12  # shorter sentences are mostly pause
_Spoken: TypeAlias = tuple[str, str, str, int]


class Paces:
    """How long voices take for a character, from sentences that they spoke to the end."""

    def __init__(self) -> None:
        self._ms: dict[_Spoken, float] = {}

    def learn(self, voice: FallbackVoice, characters: int, sound_ms: int) -> None:
        """A sentence of so many characters took so long."""
        if characters < _LEAST_CHARACTERS or sound_ms <= 0:
            return
        newest, key = sound_ms / characters, _key(voice)
        before = self._ms.get(key, newest)
        self._ms[key] = before + _WEIGHT * (newest - before)

    def ms_per_character(self, voice: FallbackVoice) -> float:
        """What to reckon with."""
        usual = _MS_PER_CHARACTER * _USUAL_WPM / max(voice.speed_wpm, 1)
        return self._ms.get(_key(voice), usual)


def rest_of(text: str, said_ms: float, ms_per_character: float) -> str:
    """The text from the word on in which the sound ends; the last word at least."""
    reached = said_ms / ms_per_character
    begins = [word.start() for word in re.finditer(r"\S+", text)]
    return text[max((at for at in begins if at <= reached), default=0) :]


def _key(voice: FallbackVoice) -> _Spoken:
    return voice.provider, voice.name, voice.model, voice.speed_wpm
