"""Which of a call's frames the ear gets, and when."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from contracts.agent import Turns
from services.audio.frames import FRAME_MS, CallerFrame
from services.stt.hearing import Hearing
from services.stt.tape import LEAD_IN_FRAMES, Tape

_BEHIND_FRAMES: Final = 1_000 // FRAME_MS  # further back than this, an event is history


class Feeding:
    """Each frame at most once and in order: all of them, or speech with its lead-in.

    Args:
        continuous: the ear wants silence too.
        fetch: frames from a number on that came before this host listened.
    """

    def __init__(
        self,
        hearing: Hearing,
        turns: Turns,
        *,
        continuous: bool,
        fetch: Callable[[int], Awaitable[list[CallerFrame]]],
    ) -> None:
        self._hearing, self._fetch, self._continuous = hearing, fetch, continuous
        self._tail_frames = turns.stop_ms // FRAME_MS
        self._tape = Tape()
        self._from = 0  # first frame of the present turn that the ear is to get
        self._fed = 0  # last frame given to the ear
        self._behind = 0  # first frame of speech whose end may be in the log already; 0: none
        self._listening = continuous  # frames go to the ear as they come
        self.incomplete = False  # the turn began before the tape did: `complete` is due

    def on_frame(self, frame: CallerFrame) -> None:
        """A frame came in: keep it, and let the ear have it while it listens."""
        if not self._tape.add(frame) or not self._listening or self.incomplete:
            return
        if self._behind:
            self._catch_up()
        else:
            self._feed((frame,))

    def listen(self, first_frame: int, *, new_turn: bool) -> None:
        """Speech began at this frame."""
        self._listening = True
        number = max(1, first_frame - LEAD_IN_FRAMES)
        if new_turn:
            self._from = number
            self.incomplete = self._fed < number and not 0 < self._tape.first <= number
            self._tape.hold_from(number)
        if not self.incomplete:
            self._begin(number)

    async def complete(self) -> None:
        """Fetch what is missing of the turn, and give it."""
        self._tape.insert(await self._fetch(self._from))
        self.incomplete = False
        self._begin(self._from)

    def rest(self, last_frame: int) -> None:
        """Speech ended at this frame, as became known a little later."""
        self._listening = self._continuous
        if self._behind:
            self._catch_up(last_frame + self._tail_frames)

    def end_turn(self) -> None:
        """The ear is about to be asked for the turn's words: it must have it all."""
        self._listening = self._continuous
        if self._behind:
            self._catch_up()

    def begin_again(self, *, turn: bool) -> None:
        """The ear is a new one. `turn`: give it what there is of the present turn."""
        self._fed = 0
        if turn and not self.incomplete and not self._behind:
            self._feed(self._tape.since(self._from))

    def let_go(self) -> None:
        """The turn is understood: its frames are needed no more."""
        self._tape.let_go()

    def _begin(self, number: int) -> None:
        """Give what there is; but of speech long past first learn from the log where it ended."""
        if self._tape.last - number > _BEHIND_FRAMES:
            self._behind = number
        else:
            self._feed(self._tape.since(number))

    def _catch_up(self, last_frame: int | None = None) -> None:
        """Give speech long past, up to a frame or all there is."""
        number, self._behind = self._behind, 0
        frames = self._tape.since(number)
        self._feed(f for f in frames if last_frame is None or f.number <= last_frame)

    def _feed(self, frames: Iterable[CallerFrame]) -> None:
        if not self._hearing.open:
            return
        for frame in frames:
            if frame.number > self._fed:
                self._fed = frame.number
                self._hearing.feed(frame.mulaw)
