"""One caller's leg from answer to end: carrier messages in, events out.

Hearing is the ear's business, speaking the mouth's, recording the journaling's. What stands here
is which of them a message concerns, and that a line ends exactly once.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from contracts.agent import Agent
from contracts.ids import CallId
from contracts.line import (
    DigitPressed,
    EndReason,
    LineEnded,
    LineLost,
    PlaybackStarted,
    SentencePlayed,
    SpeechEnded,
    SpeechStarted,
)
from contracts.recorded import LineEvent
from services.audio.frames import unpack_agent
from services.gateway.carrier import (
    BadCarrierMessage,
    Carrier,
    CarrierMessage,
    Connected,
    Digit,
    Marked,
    Media,
    Started,
    Stopped,
    Unknown,
)
from services.gateway.clock import now_ms
from services.gateway.ear import Ear, FellSilent, Heard, Spoke, TalkedOver
from services.gateway.journaling import Journaling
from services.gateway.limits import Limits
from services.gateway.mouth import Mouth
from services.gateway.playback import Progress
from services.gateway.wire import Wire

_log: Final = logging.getLogger("partyline.gateway")
_EARLY_CHUNKS: Final = 100  # of a greeting that is quicker than the log's word that we answered
_REFUSED_LIMIT: Final = 100  # broken messages in one call; a carrier that sends more is none


class ProtocolBroken(Exception):
    """The peer does what no carrier does, so its socket is closed. `code`: of the WebSocket."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Leg(NamedTuple):
    """Which call, on whose stream, by which protocol, over which socket."""

    call: CallId
    stream: str
    carrier: Carrier
    wire: Wire


class Line:
    """The line of one call. Its methods are called from the loop and never wait."""

    def __init__(
        self, leg: Leg, agent: Agent, journaling: Journaling, publish: Callable[[bytes], None]
    ) -> None:
        """`publish` gets each frame of the caller."""
        self.call: Final = leg.call
        self.mouth: Final = Mouth(leg.stream, leg.carrier, leg.wire, self._tell)
        self.ended: EndReason | None = None
        self._leg, self._journaling = leg, journaling
        self._barge_in = agent.barge_in.enabled
        self._digit_words = agent.digits  # a key that counts as words ends the reply as words do
        self._agent_limits = agent.limits
        self._limits: Limits | None = None  # None: not begun
        self._early: deque[bytes] = deque(maxlen=_EARLY_CHUNKS)
        self._ear = Ear(agent, publish)
        self._utterance = 0
        self._digits = 0
        self._refused = 0
        self._ignored = 0

    def begin(self) -> None:
        """The call is answered and this line has it: until now nothing was sent or recorded."""
        if self.ended:  # while the answer was on its way into the log
            self._record_end(self.ended, "")
            return
        self._limits = Limits(self._agent_limits, self._active, self._give_up)
        for payload in self._early:
            self.on_agent_audio(payload)
        self._early.clear()

    def on_message(self, payload: bytes) -> None:
        """A text message of the carrier. Raises ProtocolBroken."""
        if self.ended:
            return
        try:
            message = self._leg.carrier.parse(payload)
        except BadCarrierMessage as bad:
            self._refuse(str(bad))
        else:
            self._take(message)

    def on_agent_audio(self, payload: bytes) -> None:
        """A chunk of the audio plane. An error in one is this line's alone."""
        if self.ended:
            return
        if self._limits is None:
            self._early.append(payload)
            return
        try:
            self.mouth.speak(unpack_agent(payload))
        except ValueError as broken:
            _log.warning("call %s: agent audio refused: %s", self.call, broken)

    def lose(self, reason: str) -> None:
        """The socket broke without a word."""
        self.end("line_lost", lost=reason)

    def end(self, reason: EndReason, *, lost: str = "", code: int = 1000) -> None:
        """Hang up and record it. Once: what comes after the first end changes nothing.

        `lost`: why the connection counts as broken, where it does; `code`: of the socket's close.
        """
        if self.ended:
            return
        self.ended = reason
        if self._limits:
            self._limits.stop()
            self._record_end(reason, lost)
        self.mouth.stop()
        self._leg.wire.close(code, reason)
        _log.info("call %s: line ended: %s", self.call, reason)

    def _record_end(self, reason: EndReason, lost: str) -> None:
        at_ms = now_ms()
        if lost:
            self._write("lost", LineLost(at_ms=at_ms, reason=lost))
        cleared = self.mouth.cut()
        ended = LineEnded(
            at_ms=at_ms,
            reason=reason,
            frames=self._ear.frames,
            late_frames=self._ear.late_frames,
            dropped_messages=self._refused + self._ignored,
        )
        self._write("ended", *([cleared] if cleared else []), ended)

    def _take(self, message: CarrierMessage) -> None:
        match message:
            case Media() | Digit() | Marked() | Stopped():
                if message.stream != self._leg.stream:
                    raise ProtocolBroken(1008, "a message for another stream")
                self._hear(message)
            case Started():
                raise ProtocolBroken(1008, "a second start")
            case Connected() | Unknown():
                self._ignored += 1  # what a carrier adds to its protocol must not end calls

    def _hear(self, message: Media | Digit | Marked | Stopped) -> None:
        match message:
            case Media():
                self._listen(message)
            case Marked(name=name):
                self.mouth.echoed(name)
            case Digit(digit=digit):
                self._digits += 1
                self._note_activity()
                cleared = self.mouth.cut() if digit in self._digit_words else None
                pressed = DigitPressed(at_ms=now_ms(), digit=digit)
                together = [cleared, pressed] if cleared else [pressed]
                self._write(f"digit:{self._digits}", *together)
            case Stopped():
                self.end("caller_hung_up")

    def _listen(self, media: Media) -> None:
        at_ms = now_ms()
        if self._limits:
            self._limits.heard_media()
        if media.timestamp_ms >= 0:
            self._ear.time(media.timestamp_ms, at_ms)
        for heard in self._ear.hear(media.mulaw, at_ms, agent_audible=self.mouth.audible):
            self._on_speech(heard, at_ms)

    def _on_speech(self, heard: Heard, at_ms: int) -> None:
        self._note_activity()
        match heard:
            case Spoke(first_frame=first):
                self._on_spoke(first, at_ms)
            case TalkedOver():
                if cleared := self.mouth.cut():
                    self._write(f"cut:{cleared.reply}", cleared)
            case FellSilent(last_frame=last, at_ms=ended_ms):
                utterance = self._utterance
                ended = SpeechEnded(
                    at_ms=at_ms, utterance=utterance, last_frame=last, ended_ms=ended_ms
                )
                self._write(f"speech_ended:{utterance}", ended)

    def _on_spoke(self, first_frame: int, at_ms: int) -> None:
        """The caller began to speak, perhaps over a reply: that one is cut before all else."""
        over = self.mouth.reply if self._barge_in else 0
        cleared = self.mouth.cut() if over else None
        self._utterance += 1
        started = SpeechStarted(
            at_ms=at_ms, utterance=self._utterance, first_frame=first_frame, over_reply=over
        )
        together = [cleared, started] if cleared else [started]
        self._write(f"speech_started:{self._utterance}", *together)

    def _tell(self, progress: Progress) -> None:
        self._note_activity()
        id = f"{type(progress).__name__}:{progress.reply}"
        if isinstance(progress, SentencePlayed):
            id = f"{id}:{progress.sentence}"
        elif isinstance(progress, PlaybackStarted):
            _log.debug("call %s: reply %d is played", self.call, progress.reply)
        self._write(id, progress)

    def _write(self, id: str, *events: LineEvent) -> None:
        self._journaling.write(id, *events)

    def _refuse(self, reason: str) -> None:
        """Leave a message out. The first is logged: a flood of them must not flood the log."""
        self._refused += 1
        if self._refused == 1:
            _log.warning("call %s: carrier message refused: %s", self.call, reason)
        if self._refused > _REFUSED_LIMIT:
            raise ProtocolBroken(1007, "too many broken messages")

    def _note_activity(self) -> None:
        if self._limits:
            self._limits.heard_activity()

    def _active(self) -> bool:
        return self._ear.speaking or self.mouth.audible

    def _give_up(self, reason: EndReason) -> None:
        silence_ms = self._agent_limits.media_silence_ms
        lost = f"no media for {silence_ms} ms" if reason == "media_lost" else ""
        self.end(reason, lost=lost)
