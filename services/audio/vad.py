"""Voice activity by energy: when the caller starts and stops speaking.

A frame is loud when it is louder than max(ratio x noise floor, minimum). Speech starts when loud
frames stand side by side and add up to `min_speech_ms`; it ends when nothing was loud for
`stop_ms`. While the agent speaks the same rule is the barge-in rule, with settings of its own.

A `Voice` can be given, which says whether what is loud is a voice. It is asked only where the rule
takes sound for speech: it prevents starts, and what is no voice does not keep speech from ending.

Pure and synchronous: time is counted in frames of 20 ms, so the same frames give the same events.
"""

from typing import Annotated, Final, Protocol, TypeAlias

import msgspec

from services.audio.floor import NoiseFloor
from services.audio.frames import FRAME_MS
from services.audio.mulaw import level_rms

_ONSET_FRAMES: Final = 5  # of a voice that sets in amid noise, before it is known as one
_BELIEVED_FRAMES: Final = 20  # 400 ms: how long a voice under way counts as one unasked
_Ms = Annotated[int, msgspec.Meta(ge=0, le=60_000)]


class VadSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts as speech. Levels are root mean squares of 16-bit samples, 0 to 32767."""

    ratio: Annotated[float, msgspec.Meta(ge=1)] = 2.8  # how far above the noise floor speech stands
    minimum_rms: Annotated[float, msgspec.Meta(ge=0)] = 200.0  # what is softer is never speech
    floor_minimum: Annotated[float, msgspec.Meta(ge=0)] = 20.0  # the floor never falls below
    min_loud_frames: Annotated[int, msgspec.Meta(ge=1, le=50)] = 2  # side by side: a click is one
    min_speech_ms: _Ms = 100  # this much must be loud before speech has started,
    window_ms: _Ms = 200  # within this much
    stop_ms: _Ms = 200  # this much without a loud frame ends the speech
    debounce_ms: _Ms = 100  # after an end no start for this long; what goes on is heard then
    preroll_ms: _Ms = 200  # what a recogniser should be given from before the first loud frame

    @property
    def preroll_frames(self) -> int:
        return self.preroll_ms // FRAME_MS


class Started(msgspec.Struct, frozen=True):
    """The caller speaks."""

    frame: int  # the one at which this was known
    started_frame: int  # the first loud one, without preroll
    level_rms: float  # of the loudest frame so far


class Ended(msgspec.Struct, frozen=True):
    """The caller has stopped speaking."""

    frame: int  # the one at which this was known: stop_ms after the last loud one
    last_loud_frame: int


Activity: TypeAlias = Started | Ended


class Voice(Protocol):
    """Tells voices from other sounds, in one call."""

    def hear(self, mulaw: bytes, *, wanted: bool) -> bool:
        """Whether a voice is heard in the next 20 ms. Not `wanted`: they are only remembered."""
        ...


class VoiceActivity:
    """The detector of one call.

    Args:
        settings: the rule to begin with.
        first_frame: the number of the first frame that will be fed.
        voice: what is loud must be by its word, too; None: what is loud is a voice.
    """

    def __init__(
        self,
        settings: VadSettings | None = None,
        first_frame: int = 1,
        voice: Voice | None = None,
    ) -> None:
        self.speaking = False
        self.voiced = True  # when it was last asked for
        self._voice = voice
        self._frame = first_frame - 1
        self._floor = NoiseFloor()
        self._run = 0  # loud frames side by side, up to now
        self._first_loud = 0  # of the speech under way or in the making; 0: none
        self._last_loud = 0
        self._loud_frames = 0  # since _first_loud
        self._together = False  # enough of them stood side by side
        self._peak_rms = 0.0
        self._quiet_until = 0  # no start up to this frame: the debounce
        self._believed_until = 0  # up to this frame a voice is one unasked
        self._noise_until = 0  # up to this frame it was no voice
        self.judge_by(settings or VadSettings())

    @property
    def floor_rms(self) -> float:
        """How loud the line is when nobody speaks, as far as is known."""
        return max(self._floor.rms, self._floor_minimum)

    def judge_by(self, settings: VadSettings) -> None:
        """Use `settings` from the next frame on. The floor and speech under way are kept."""
        self._ratio = settings.ratio
        self._minimum_rms = settings.minimum_rms
        self._floor_minimum = settings.floor_minimum
        self._min_loud_frames = settings.min_loud_frames
        self._speech_frames = _frames(settings.min_speech_ms)
        self._window_frames = max(_frames(settings.window_ms), self._speech_frames)
        self._stop_frames = _frames(settings.stop_ms)
        self._debounce_frames = settings.debounce_ms // FRAME_MS

    def feed(self, mulaw: bytes) -> Activity | None:
        """What the next 20 ms of the caller's sound change, if anything. Never raises."""
        self._frame += 1
        rms = level_rms(mulaw)
        loud = rms > self._minimum_rms and rms > self._ratio * self.floor_rms
        self._floor.learn(rms, noise=not loud and not self.speaking)
        if loud and not self.speaking:
            self._count(rms)
        elif not loud:
            self._run = 0
        if self.speaking:
            self._ask(mulaw, wanted=loud and self._frame > self._believed_until)
            return self._stopped(loud)
        starts = self._starts()
        self._ask(mulaw, wanted=starts)
        if starts:
            return self._begun()
        self._wait()
        return None

    def _ask(self, mulaw: bytes, *, wanted: bool) -> None:
        if self._voice is None:
            return
        heard = self._voice.hear(mulaw, wanted=wanted)
        if wanted:
            self.voiced = heard
            self._believed_until = self._frame + _BELIEVED_FRAMES if heard else 0

    def _count(self, rms: float) -> None:
        self._run += 1
        self._last_loud = self._frame
        if not self._first_loud:
            self._begin_at(self._frame)
        self._loud_frames += 1
        self._together = self._together or self._run >= self._min_loud_frames
        self._peak_rms = max(self._peak_rms, rms)

    def _begin_at(self, frame: int) -> None:
        self._first_loud, self._loud_frames = frame, 0
        self._together, self._peak_rms = False, 0.0

    def _starts(self) -> bool:
        """Whether it is speech by its energy."""
        return self._run > 0 and self._is_enough() and self._frame > self._quiet_until

    def _is_enough(self) -> bool:
        return self._together and self._loud_frames >= self._speech_frames

    def _begun(self) -> Started | None:
        if not self.voiced:
            self._noise_until = self._frame - _ONSET_FRAMES
            return None
        self.speaking = True
        return Started(self._frame, max(self._first_loud, self._noise_until + 1), self._peak_rms)

    def _wait(self) -> None:
        """No speech yet: what was loud may be too long ago to become one."""
        if not self._first_loud:
            return
        if not self._is_enough():
            self._forget_a_click()
        elif self._frame - self._last_loud >= self._stop_frames:
            self._first_loud = 0  # over before the debounce was

    def _forget_a_click(self) -> None:
        """Too little was loud within the window; what is loud just now may still become speech."""
        if self._frame - self._first_loud + 1 < self._window_frames:
            return
        if self._run:
            self._first_loud = self._frame - self._run + 1
            self._loud_frames = self._run
            self._together = self._run >= self._min_loud_frames
        else:
            self._first_loud = 0

    def _stopped(self, loud: bool) -> Ended | None:
        if loud and self.voiced:
            self._last_loud = self._frame
        if self._frame - self._last_loud < self._stop_frames:
            return None
        self.speaking = False
        self._first_loud = self._run = 0
        self._quiet_until = self._frame + self._debounce_frames
        return Ended(self._frame, self._last_loud)


def _frames(ms: int) -> int:
    """The whole frames that last at least `ms`, one at the fewest."""
    return max(1, -(-ms // FRAME_MS))
