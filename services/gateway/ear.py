"""The caller's side of a line: sound in any pieces becomes numbered frames and voice activity.

While the agent is audible the barge-in rule judges, otherwise the rule of turns. Where barge-in is
off, or was a moment ago, nothing said over the agent counts: who goes on speaking is heard from
the moment the agent is silent.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import msgspec

from contracts.agent import Agent
from services.audio.frames import FRAME_BYTES, FRAME_MS, pack_caller
from services.audio.vad import Ended, Started, VadSettings, Voice, VoiceActivity

_SENT_BYTES: Final = 2 * FRAME_BYTES  # at a time: half the messages, for 10 ms on average
_CREEP_MS: Final = 0.002  # a frame: what two clocks may drift apart, 100 millionths


class Spoke(msgspec.Struct, frozen=True):
    """The caller began to speak."""

    first_frame: int
    over_agent: bool  # by the barge-in rule


class TalkedOver(msgspec.Struct, frozen=True):
    """The agent began while the caller was speaking, and the caller goes on."""


class FellSilent(msgspec.Struct, frozen=True):
    """The caller stopped speaking."""

    last_frame: int
    at_ms: int  # UNIX time at which that frame arrived


Heard: TypeAlias = Spoke | TalkedOver | FellSilent


class _SameVoice:
    """For a second detector: what the first was told of the same frame."""

    def __init__(self, first: VoiceActivity) -> None:
        self._first = first

    def hear(self, mulaw: bytes, *, wanted: bool) -> bool:
        """See Voice.hear."""
        return self._first.voiced


class Ear:
    """Hears one caller. `publish` gets the payloads of the frames, two in each."""

    def __init__(
        self,
        agent: Agent,
        publish: Callable[[bytes], None],
        before: int = 0,
        voice: Voice | None = None,
    ) -> None:
        """`before`: frames are numbered from the one behind it. `voice`: see VoiceActivity."""
        self._publish, self._before = publish, before
        self._turns, self._over_agent = _turn_rule(agent), _barge_in_rule(agent)
        self._barge_in = agent.barge_in
        self._activity = VoiceActivity(self._turns, voice=voice)
        self._judging_over_agent = False
        self._talking_over: VoiceActivity | None = None
        self._skipped = 0  # frames not shown to the detector, which counts only what it sees
        self._rest = b""  # of a frame
        self._unsent = b""  # a frame that waits for the next
        self._arrived_ms: deque[int] = deque(maxlen=agent.turns.stop_ms // FRAME_MS + 2)
        self._deaf_until_ms = 0
        self._earliest_ms: float | None = None
        self.frames = 0
        self.late_frames = 0

    @property
    def speaking(self) -> bool:
        """Whether the caller speaks just now."""
        return self._activity.speaking

    def hear(self, mulaw: bytes, now_ms: int, *, agent_audible: bool) -> list[Heard]:
        """Take in a piece of sound."""
        changes: list[Heard] = []
        for frame in self._frames(mulaw):
            self.frames += 1
            self._unsent += frame
            if len(self._unsent) == _SENT_BYTES:
                self.send(now_ms)
            self._arrived_ms.append(now_ms)
            heard = self._judge(frame, now_ms, agent_audible)
            if heard:
                changes.append(heard)
        return changes

    def send(self, now_ms: int) -> None:
        """Let go of what waits for the next frame, if anything does."""
        unsent, self._unsent = self._unsent, b""
        if unsent:
            first = self._before + self.frames - len(unsent) // FRAME_BYTES + 1
            self._publish(pack_caller(first, now_ms, unsent))

    def time(self, timestamp_ms: int, now_ms: int) -> None:
        """Count a frame that comes later than the carrier's own time stamps allow for."""
        behind_ms = now_ms - timestamp_ms
        if self._earliest_ms is None or behind_ms < self._earliest_ms:
            self._earliest_ms = behind_ms
        elif behind_ms - self._earliest_ms > FRAME_MS:
            self.late_frames += 1
        self._earliest_ms += _CREEP_MS

    def _frames(self, mulaw: bytes) -> Iterable[bytes]:
        if not self._rest and len(mulaw) == FRAME_BYTES:
            return (mulaw,)
        sound = self._rest + mulaw
        whole = len(sound) - len(sound) % FRAME_BYTES
        self._rest = sound[whole:]
        return [sound[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES)]

    def _judge(self, frame: bytes, now_ms: int, agent_audible: bool) -> Heard | None:
        over_agent = agent_audible and not self._activity.speaking
        if over_agent and not self._may_barge_in(now_ms):
            self._skipped += 1
            return None
        if over_agent != self._judging_over_agent:
            self._judge_by(over_agent)
        could_talk_over = agent_audible and self._activity.speaking
        activity = self._activity.feed(frame)
        if self._talks_over(frame, could_talk_over and self._may_barge_in(now_ms)):
            return TalkedOver()
        match activity:
            case None:
                return None
            case Started(started_frame=first):
                self._deaf_until_ms = now_ms + self._barge_in.debounce_ms if agent_audible else 0
                return Spoke(self._before + first + self._skipped, agent_audible)
            case Ended(last_loud_frame=last):
                return self._fell_silent(last + self._skipped)

    def _talks_over(self, frame: bytes, possible: bool) -> bool:
        """Whether speech that began before the agent's is, by the barge-in rule, still speech."""
        if not (possible and self._activity.speaking):
            self._talking_over = None
            return False
        if self._talking_over is None:
            self._talking_over = VoiceActivity(self._over_agent, voice=_SameVoice(self._activity))
        return isinstance(self._talking_over.feed(frame), Started)

    def _may_barge_in(self, now_ms: int) -> bool:
        return self._barge_in.enabled and now_ms >= self._deaf_until_ms

    def _judge_by(self, over_agent: bool) -> None:
        self._judging_over_agent = over_agent
        self._activity.judge_by(self._over_agent if over_agent else self._turns)

    def _fell_silent(self, last_frame: int) -> FellSilent:
        back = min(self.frames - last_frame, len(self._arrived_ms) - 1)
        return FellSilent(self._before + last_frame, self._arrived_ms[-1 - back])


def _turn_rule(agent: Agent) -> VadSettings:
    turns = agent.turns
    return VadSettings(
        ratio=turns.ratio,
        minimum_rms=turns.minimum_rms,
        min_speech_ms=turns.speech_ms,
        window_ms=2 * turns.speech_ms,
        stop_ms=turns.stop_ms,
        debounce_ms=0,
    )


def _barge_in_rule(agent: Agent) -> VadSettings:
    rule = agent.barge_in
    return VadSettings(
        ratio=rule.ratio,
        minimum_rms=rule.minimum_rms,
        min_loud_frames=rule.loud_frames,
        min_speech_ms=rule.speech_ms,
        window_ms=2 * rule.speech_ms,
        stop_ms=agent.turns.stop_ms,
        debounce_ms=0,  # kept here, from one barge-in to the next
    )
