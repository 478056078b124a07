"""One stint of a caller's line, from answer or return to loss or end: messages in, events out.

Hearing is the ear's business, speaking the mouth's, recording the journaling's. What stands here
is which of them a message concerns, and that a stint is over exactly once.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, NamedTuple

from contracts.agent import Agent
from contracts.line import (
    DigitPressed,
    EndReason,
    LineEnded,
    LineLost,
    LineResumed,
    PlaybackStarted,
    SentencePlayed,
)
from contracts.recorded import LineEvent
from services.audio.frames import unpack_agent
from services.audio.vad import Voice
from services.gateway.answer_due import AnswerDue
from services.gateway.carrier import Digit, Marked, Media, Stopped
from services.gateway.clock import now_ms
from services.gateway.hearing import Hearing
from services.gateway.journaling import Journaling
from services.gateway.leg import Leg
from services.gateway.limits import Limits
from services.gateway.messages import Messages, Said
from services.gateway.mouth import Mouth
from services.gateway.playback import Progress
from services.gateway.standing import UNKNOWN, Standing

_log: Final = logging.getLogger("partyline.gateway")
_EARLY_CHUNKS: Final = 100  # of a greeting that is quicker than the log's word that we answered


class Links(NamedTuple):
    """What a line needs of the bus, beside its log."""

    publish: Callable[[bytes], None]  # gets each frame of the caller
    missed: Callable[[], None]  # agent audio is missing: fetch it
    looked_after: Callable[[], Awaitable[bool]]  # whether anybody is there who can answer
    moment: Callable[[], bytes]  # the phrase that asks the caller to wait


class Line:
    """The line of one call. Its methods are called from the loop and never wait."""

    def __init__(
        self,
        leg: Leg,
        agent: Agent,
        journaling: Journaling,
        links: Links,
        before: Standing = UNKNOWN,
        voice: Voice | None = None,
    ) -> None:
        """`before`: how the line stood until now. `voice`: see VoiceActivity."""
        self.call: Final = leg.call
        self.mouth: Final = Mouth(
            leg.stream, leg.carrier, leg.wire, self._tell, links.missed, links.moment
        )
        self.over = ""  # why nothing more comes of it; empty: it is up
        self.given_up = False  # it is over, and the call goes on without it
        self.may_speak = not before.stint  # a line that came back waits for the actor's word
        self._leg, self._journaling, self._before = leg, journaling, before
        self._digit_words = agent.digits  # a key that counts as words ends the reply as words do
        self._agent_limits = agent.limits
        self._limits: Limits | None = None  # None: not begun
        self._parting: Callable[[], None] | None = None
        self._early: deque[bytes] = deque(maxlen=_EARLY_CHUNKS)
        self._hearing = Hearing(agent, self.mouth, links.publish, self._write, before, voice)
        self._looked_after = links.looked_after
        self._due = AnswerDue(self.mouth, agent, self._active, self._answers)
        self._messages = Messages(leg)
        self._digits = 0

    @property
    def stint(self) -> int:
        """How often audio began to flow in this call, this time counted."""
        return self._journaling.stint

    @property
    def quiet(self) -> bool:
        """Nobody speaks, and the agent is not about to."""
        awaited = self._hearing.speaking or self._due.awaited
        return not awaited and self.mouth.idle and self.may_speak

    def begin(self) -> None:
        """The call is answered and this line has it: until now nothing was sent or recorded."""
        if self._parting:  # while the answer was on its way into the log
            self._parting()
            return
        answered_ms = self._before.answered_ms
        elapsed_ms = now_ms() - answered_ms if answered_ms else 0
        self._limits = Limits(self._agent_limits, self._active, self._give_up, elapsed_ms)
        self._due.open()
        self._take_early()

    def speak_on(self, stint: int, reply: int) -> None:
        """The actor has seen this stint begin: replies up to `reply` are over."""
        if stint == self.stint and not self.over:
            self.mouth.cancel(reply)
            self.may_speak = True
            self._take_early()

    def log_away(self) -> None:
        """What happens on the line does not get into the log."""
        if not self.over:
            self._due.log_away()

    def look(self) -> None:
        """The line was lost, resumed or ended, perhaps by somebody else."""
        if not self.over:
            self._journaling.look()

    def taken_up_again(self, stint: int) -> LineResumed | None:
        """What takes up a line that was thought dead. None: it is over."""
        if self.over:
            return None
        stream = self._leg.stream
        return LineResumed(at_ms=now_ms(), stream=stream, stint=stint, unbroken=True)

    def on_message(self, payload: bytes) -> None:
        """A text message of the carrier. Raises ProtocolBroken."""
        if self.over:
            return
        if message := self._messages.read(payload):
            self._hear(message)

    def on_agent_audio(self, payload: bytes) -> None:
        """A chunk of the audio plane. An error in one is this line's alone."""
        if self.over:
            return
        if self._limits is None or not self.may_speak:
            self._early.append(payload)
            return
        try:
            self.mouth.speak(unpack_agent(payload))
        except ValueError as broken:
            _log.warning("call %s: agent audio refused: %s", self.call, broken)

    def stop(self) -> None:
        """Nothing is played any more, and nobody waits."""
        self._due.end()
        self.mouth.stop()

    def lose(self, reason: str) -> None:
        """The socket broke without a word; the caller may come back, here or elsewhere."""
        self.given_up = True
        self._part(reason, partial(self._record_loss, reason), 1000)

    def hand_over(self) -> None:
        """Another gateway shall have the line. The socket closes once that is in the log."""
        self.given_up = True
        self._part("handed over", partial(self._record_loss, "handed over", planned=True), None)

    def step_aside(self) -> None:
        """Another gateway has the line, or it ended: nothing of it is recorded here."""
        self._part("another gateway has the line", lambda: None, 1000)

    def end(self, reason: EndReason, *, code: int = 1000) -> None:
        """Hang up and record it. `code`: of the socket's close."""
        self._part(reason, partial(self._record_end, reason), code)

    def _part(self, why: str, record: Callable[[], None], code: int | None) -> None:
        """Once: what comes after the first end changes nothing. `code` None: the socket stays."""
        if self.over:
            return
        self.over, self._parting = why, record
        if self._limits:
            self._limits.stop()
            record()
        self.stop()
        if code is not None:
            self._leg.wire.close(code, why)
        _log.info("call %s: line is over: %s", self.call, why)
        self._hearing.end()

    def _record_loss(self, reason: str, *, planned: bool = False) -> None:
        reply, sentence = self.mouth.heard
        lost = LineLost(
            at_ms=now_ms(), reason=reason, reply=reply, sentence=sentence, planned=planned
        )
        self._journaling.write("lost", lost, then=partial(self._leg.wire.close, 1000, reason))

    def _record_end(self, reason: EndReason) -> None:
        cleared = self.mouth.cut()
        frames, late_frames = self._hearing.frames
        ended = LineEnded(
            at_ms=now_ms(),
            reason=reason,
            frames=frames,
            late_frames=late_frames,
            dropped_messages=self._messages.dropped,
        )
        self._write("ended", *([cleared] if cleared else []), ended)

    def _hear(self, message: Said) -> None:
        match message:
            case Media():
                self._listen(message)
            case Marked(name=name):
                self.mouth.echoed(name)
            case Digit(digit=digit):
                self._press(digit)
            case Stopped():
                self.end("caller_hung_up")

    def _listen(self, media: Media) -> None:
        at_ms = now_ms()
        if self._limits:
            self._limits.heard_media()
        for heard in self._hearing.listen(media, at_ms):
            self._note_activity()
            self._due.heard(heard)

    def _press(self, digit: str) -> None:
        self._digits += 1
        self._note_activity()
        cleared = None
        if digit in self._digit_words:
            self._due.key_pressed()
            cleared = self.mouth.cut()
        pressed = DigitPressed(at_ms=now_ms(), digit=digit)
        self._write(f"digit:{self._digits}", *([cleared] if cleared else []), pressed)

    async def _answers(self) -> bool:
        """Whether an answer can come: what happens here gets into the log, and to who answers."""
        return not self._journaling.away and await self._looked_after()

    def _tell(self, progress: Progress) -> None:
        self._note_activity()
        id = f"{type(progress).__name__}:{progress.reply}"
        if isinstance(progress, SentencePlayed):
            id = f"{id}:{progress.sentence}"
        elif isinstance(progress, PlaybackStarted):
            _log.debug("call %s: reply %d is played", self.call, progress.reply)
        self._due.told(progress)
        self._write(id, progress)

    def _write(self, id: str, *events: LineEvent) -> None:
        self._journaling.write(id, *events)

    def _note_activity(self) -> None:
        if self._limits:
            self._limits.heard_activity()

    def _active(self) -> bool:
        return self._hearing.speaking or self.mouth.audible

    def _give_up(self, reason: EndReason) -> None:
        if reason == "media_lost":
            self.lose(f"no media for {self._agent_limits.media_silence_ms} ms")
        else:
            self.end(reason)

    def _take_early(self) -> None:
        early, self._early = self._early, deque(maxlen=_EARLY_CHUNKS)
        for payload in early:
            self.on_agent_audio(payload)
