"""Which of a call's frames the ear gets, and when."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import pairwise
from typing import Final

from contracts.agent import Turns
from contracts.streams import AUDIO
from services.audio.frames import FRAME_MS, CallerSound
from services.stt.hearing import Hearing
from services.stt.lateness import Lateness
from services.stt.replay import Fetched
from services.stt.tape import LEAD_IN_FRAMES, Tape

_STINT_FRAMES: Final = 1 << 20  # numbers this far apart are of two stints of the line: no hole
_TRIES: Final = 8  # at what is missing; their connection or ours may just be coming back
_AGAIN_S: Final = 0.25
_KEPT_FRAMES: Final = int(AUDIO.max_age_s * 1_000) // FRAME_MS
_BEHIND_FRAMES: Final = 1_000 // FRAME_MS  # further back than this, an event is history


class Feeding:
    """Each frame at most once and in order: all of them, or speech with its lead-in.

    Args:
        continuous: the ear wants silence too.
        fetch: frames from a number on that came before this host listened.
        clock_ms: UNIX time in milliseconds.
    """

    def __init__(
        self,
        hearing: Hearing,
        turns: Turns,
        *,
        continuous: bool,
        fetch: Callable[[int], Awaitable[Fetched]],
        clock_ms: Callable[[], int],
    ) -> None:
        self._hearing, self._fetch, self._continuous = hearing, fetch, continuous
        self._clock_ms = clock_ms
        self._tail_frames = turns.stop_ms // FRAME_MS
        self._tape, self._lateness = Tape(), Lateness()
        self._from = 0  # first frame of the present turn that the ear is to get
        self._fed = 0  # last frame given to the ear
        self._behind = 0  # first frame of speech whose end may be in the log already; 0: none
        self._past = False  # its end may be the very next news from the log: frames do not tell
        self._speech = False  # the caller speaks
        self._open = False  # a turn is
        self._last_loud = 0  # frame of the turn, as far as is known
        self.incomplete = False  # frames of the turn are missing: `complete` is due

    @property
    def _listening(self) -> bool:
        """Frames go to the ear as they come."""
        return self._continuous or self._speech

    def change_ear(self, *, continuous: bool) -> None:
        """The next ear wants silence too, or does not."""
        self._continuous = continuous

    def on_sound(self, sound: CallerSound) -> None:
        """Frames came in: keep them, and let the ear have them while it listens."""
        late = self._lateness.is_late(sound.at_ms, self._clock_ms())
        hole = 1 < sound.number - self._tape.last < _STINT_FRAMES
        if not self._tape.add(sound):
            return
        self.incomplete = self.incomplete or (hole and self._open)
        if not self._listening or self.incomplete:
            return
        if late:  # what the log says of it comes later, too
            self._behind = self._behind or max(self._fed + 1, self._from)
            self._past = self._past or not self._continuous  # who hears silence needs no log
        elif not self._behind:
            self._feed(sound.frames())
        elif not self._past:
            self._catch_up()

    def listen(self, first_frame: int, *, new_turn: bool) -> None:
        """Speech began at this frame."""
        self._speech = self._open = True
        number = max(1, first_frame - LEAD_IN_FRAMES)
        if new_turn:
            self._from, self._last_loud = number, 0
            self._tape.hold_from(number)
            late = self._fed < number and not 0 < self._tape.first <= number
            self.incomplete = late or self._has_hole
        if not self.incomplete:
            self._begin(number)

    async def complete(self) -> None:
        """Fetch what is missing of the turn, and give it. What is nowhere is left out.

        What nobody keeps any more is asked for once: there may be more turns to make good.
        """
        kept = self._tape.last - self._from < _KEPT_FRAMES
        for tried in range(_TRIES if kept else 1):
            if tried:
                await asyncio.sleep(_AGAIN_S)
            fetched = await self._fetch(self._from)
            self._tape.insert(fetched.frames)
            if not self._has_hole and (fetched.whole or 0 < self._tape.first <= self._from):
                break
        self.incomplete = False
        self._begin(self._from)

    @property
    def _has_hole(self) -> bool:
        """Whether frames are missing after the turn's first one that is here."""
        numbers = [frame.number for frame in self._tape.since(self._from)]
        ends = [*numbers, self._last_loud] if self._last_loud else numbers
        return any(1 < after - before < _STINT_FRAMES for before, after in pairwise(ends))

    def rest(self, last_frame: int) -> None:
        """Speech ended at this frame, as became known a little later."""
        self._speech, self._last_loud = False, last_frame
        self.incomplete = self.incomplete or self._tape.last < last_frame
        if self._behind:
            self._catch_up(last_frame + self._tail_frames)

    def end_turn(self) -> None:
        """The ear is about to be asked for the turn's words: it must have it all."""
        self._speech = False
        if self._behind:
            self._catch_up()

    def begin_again(self, *, turn: bool) -> None:
        """The ear is a new one. `turn`: give it what there is of the present turn."""
        self._fed = 0
        if turn and not self.incomplete and not self._behind:
            self._feed(self._tape.since(self._from))

    def let_go(self) -> None:
        """The turn is understood: its frames are needed no more."""
        self._open = self.incomplete = False
        self._tape.let_go()

    def _begin(self, number: int) -> None:
        """Give what there is; but of speech long past first learn from the log where it ended."""
        if self._tape.last - number > _BEHIND_FRAMES:
            self._behind, self._past = number, True
        else:
            self._feed(self._tape.since(number))

    def _catch_up(self, last_frame: int | None = None) -> None:
        """Give speech long past, up to a frame or all there is."""
        number, self._behind, self._past = self._behind, 0, False
        frames = self._tape.since(number)
        self._feed(f for f in frames if last_frame is None or f.number <= last_frame)

    def _feed(self, frames: Iterable[CallerSound]) -> None:
        if not self._hearing.open:
            return
        for frame in frames:
            if frame.number > self._fed:
                self._fed = frame.number
                self._hearing.feed(frame.mulaw)
