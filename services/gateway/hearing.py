"""What the caller says, on a line: speech that begins and ends, and replies it is said over."""

from collections.abc import Callable
from typing import Final

from contracts.agent import Agent
from contracts.line import SpeechEnded, SpeechStarted
from contracts.recorded import LineEvent
from services.audio.vad import Voice
from services.gateway.carrier import Media
from services.gateway.clock import now_ms
from services.gateway.ear import Ear, FellSilent, Heard, Spoke, TalkedOver
from services.gateway.mouth import Mouth
from services.gateway.standing import Standing

_FRAMES_OF_A_STINT: Final = 1 << 24  # frame numbers rise over all stints of a call


class Hearing:
    """The caller's half of one stint. `write` records events together under an id."""

    def __init__(
        self,
        agent: Agent,
        mouth: Mouth,
        publish: Callable[[bytes], None],
        write: Callable[..., None],
        before: Standing,
        voice: Voice | None,
    ) -> None:
        first = before.stint and (before.stint + 1) * _FRAMES_OF_A_STINT
        self._ear, self._mouth, self._write = Ear(agent, publish, first, voice), mouth, write
        self._barge_in = agent.barge_in.enabled
        self._utterance = before.utterance

    @property
    def speaking(self) -> bool:
        """Whether the caller speaks just now."""
        return self._ear.speaking

    @property
    def frames(self) -> tuple[int, int]:
        """Taken in this stint, and how many of them came late."""
        return self._ear.frames, self._ear.late_frames

    def listen(self, media: Media, at_ms: int) -> list[Heard]:
        """Take in a piece of sound; what it made of the caller's speech is recorded."""
        if media.timestamp_ms >= 0:
            self._ear.time(media.timestamp_ms, at_ms)
        changes = self._ear.hear(media.mulaw, at_ms, agent_audible=self._mouth.audible)
        for heard in changes:
            self._record(heard, at_ms)
        return changes

    def end(self) -> None:
        """The stint is over: no frame waits for another."""
        self._ear.send(now_ms())

    def _record(self, heard: Heard, at_ms: int) -> None:
        match heard:
            case Spoke(first_frame=first):
                self._on_spoke(first, at_ms)
            case TalkedOver():
                if cleared := self._mouth.cut():
                    self._write(f"cut:{cleared.reply}", cleared)
            case FellSilent(last_frame=last, at_ms=ended_ms):
                utterance = self._utterance
                ended = SpeechEnded(
                    at_ms=at_ms, utterance=utterance, last_frame=last, ended_ms=ended_ms
                )
                self._write(f"speech_ended:{utterance}", ended)

    def _on_spoke(self, first_frame: int, at_ms: int) -> None:
        """The caller began to speak, perhaps over a reply: that one is cut before all else."""
        over = self._mouth.reply if self._barge_in else 0
        cleared = self._mouth.cut() if over else None
        self._utterance += 1
        started = SpeechStarted(
            at_ms=at_ms, utterance=self._utterance, first_frame=first_frame, over_reply=over
        )
        together: list[LineEvent] = [cleared, started] if cleared else [started]
        self._write(f"speech_started:{self._utterance}", *together)
