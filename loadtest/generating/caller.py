"""The person on the line: what they say, when, and how it is recognised."""

from functools import partial
from random import Random
from typing import Final

from contracts import dialog, line, transcript
from contracts.agent import Intent
from contracts.event import OwnerClaimed
from contracts.ids import HostId
from contracts.recorded import CallEvent
from loadtest.generating.houses import spoken
from loadtest.generating.line import Line
from loadtest.generating.mouth import Mouth
from loadtest.generating.stage import Stage
from services.call.state import Listening

_THINKING: Final = "thinking"
_SPEAKING: Final = "speaking"
_WORDS: Final = "words"  # on their way through the recogniser
_MS_A_CHARACTER: Final = 68
_ENDED_TURN_MS: Final = 350  # after which a recogniser knows that a turn is over
_FRAMES_OF_A_STINT: Final = 1 << 24  # frame numbers rise over all stints of a call


class Caller:
    """Speaks when it is their turn, and sometimes when it is not."""

    def __init__(self, stage: Stage, mouth: Mouth, line: Line) -> None:
        self._stage, self._mouth, self._line = stage, mouth, line
        self._random: Random = stage.random
        self._utterance = self._turns = 0
        self._other_ears = ""  # who listens since the first recogniser failed
        self._ears, self._ears_epoch = HostId(""), 0
        stage.on_change.append(self._look)
        mouth.on_begun.append(self._hear)
        line.on_over.append(self._stop)

    @property
    def speaking(self) -> bool:
        """Whether they speak, or their words are being recognised."""
        return self._stage.agenda.awaits(_SPEAKING) or self._stage.agenda.awaits(_WORDS)

    def own_ears(self) -> None:
        """A recogniser's host takes the call, perhaps from another."""
        stage, self._ears, self._ears_epoch = (
            self._stage,
            self._stage.host("stt"),
            self._ears_epoch + 1,
        )
        claimed = OwnerClaimed(
            at_ms=stage.now_ms, role="stt", host=self._ears, epoch=self._ears_epoch
        )
        self._recognised(claimed)

    def _look(self) -> None:
        """Is it my turn?"""
        stage = self._stage
        if not stage.up or self.speaking or stage.agenda.awaits(_THINKING) or self._mouth.reply:
            return
        if isinstance(stage.state, Listening) and not stage.state.talk.away:
            stage.agenda.after(self._random.lognormvariate(6.8, 0.5), self._go_on, _THINKING)

    def _go_on(self) -> None:
        stage = self._stage
        if not isinstance(stage.state, Listening) or self._mouth.reply or self.speaking:
            return  # somebody spoke meanwhile
        if self._turns >= stage.plan.turns:
            self._end()
        elif stage.chance(stage.plan.presses):
            self._press()
        else:
            self._speak(self._wish())

    def _end(self) -> None:
        """They have all they wanted, or enough."""
        stage = self._stage
        match stage.plan.ending:
            case "hangs_up":
                self._line.end("caller_hung_up")
            case "falls_silent":
                silent_ms = stage.house.agent.limits.inactivity_ms
                stage.agenda.after(silent_ms, lambda: self._line.end("inactivity"), _THINKING)
            case "wants_a_person" if people := stage.house.of_kind("action", tool="transfer"):
                self._speak(spoken(people[0], stage.house, self._random))
            case _ if self._turns >= stage.plan.turns + 3:
                self._line.end("caller_hung_up")  # said goodbye, and was not understood
            case _:
                farewell = self._random.choice(stage.house.of_kind("goodbye"))
                self._speak(spoken(farewell, stage.house, self._random))

    def _wish(self) -> str:
        """What they say next."""
        house, talk, random = self._stage.house, self._stage.talk, self._random
        if talk and talk.pending and random.random() < 0.85:
            kind = "yes" if random.random() < 0.75 else "no"
            answers = [i for i in house.of_kind("confirm") if i.answer == kind]
            return spoken(random.choice(answers), house, random)
        drawn = random.random()
        if drawn < 0.08:
            return random.choice(house.lead_ins) + random.choice(house.unknown)
        if drawn < 0.14 and house.nothing:
            return random.choice(house.lead_ins) + random.choice(house.nothing)
        return spoken(self._intent(drawn), house, random)

    def _intent(self, drawn: float) -> Intent:
        house = self._stage.house
        kinds = ("action", "hello") if drawn < 0.5 else ("question",)
        wishes = [i for i in house.of_kind(*kinds) if i.tool != "transfer"]
        return self._random.choice(wishes or house.of_kind("action", "hello"))

    def _speak(self, words: str, *, into_reply: bool = False) -> None:
        """`into_reply`: over what the agent says."""
        stage = self._stage
        self._turns += 1
        self._utterance += 1
        over = self._mouth.reply if into_reply else 0
        cleared = self._mouth.cut() if over else None
        started = line.SpeechStarted(
            at_ms=stage.now_ms,
            utterance=self._utterance,
            first_frame=self._frame(),
            over_reply=over,
        )
        pauses = stage.chance(stage.plan.pauses)
        length_ms = 300 + len(words) * _MS_A_CHARACTER
        at_ms = (length_ms // 2 if pauses else length_ms) + stage.house.agent.turns.stop_ms
        stage.agenda.after(at_ms, lambda: self._fall_silent(words, pauses), _SPEAKING)
        self._line.write(*([cleared] if cleared else []), started)

    def _fall_silent(self, words: str, pauses: bool) -> None:
        stage = self._stage
        ended_ms = stage.now_ms - stage.house.agent.turns.stop_ms
        ended = line.SpeechEnded(
            at_ms=stage.now_ms,
            utterance=self._utterance,
            last_frame=self._frame(),
            ended_ms=ended_ms,
        )
        if pauses:
            wait_ms = stage.random.randint(80, stage.house.agent.turns.silence_ms - 50)
            stage.agenda.after(wait_ms, lambda: self._speak_on(words), _SPEAKING)
        else:
            wait_ms = _ENDED_TURN_MS + round(stage.random.lognormvariate(4.6, 0.5))
            stage.agenda.after(wait_ms, lambda: self._understood(words, ended_ms), _WORDS)
        self._line.write(ended)

    def _speak_on(self, words: str) -> None:
        """The rest of the turn, after a pause."""
        stage = self._stage
        self._utterance += 1
        started = line.SpeechStarted(
            at_ms=stage.now_ms, utterance=self._utterance, first_frame=self._frame()
        )
        length_ms = len(words) * _MS_A_CHARACTER // 2 + stage.house.agent.turns.stop_ms
        stage.agenda.after(length_ms, lambda: self._fall_silent(words, False), _SPEAKING)
        self._line.write(started)
        if stage.chance(0.5):
            self._take_back(words)

    def _take_back(self, words: str) -> None:
        """An answer was begun in the pause."""
        stage = self._stage
        read = 220 + 35 * (len(stage.talk.history) if stage.talk else 0)
        dropped = dialog.DraftDropped(
            at_ms=stage.now_ms,
            utterance=self._utterance - 1,
            reason="resumed",
            tokens_in=read + len(words) // 8,
            tokens_out=stage.random.randint(0, 12),
            estimated=True,
        )
        stage.report(dropped)

    def _understood(self, words: str, ended_ms: int) -> None:
        """The recogniser's last word on the turn."""
        stage = self._stage
        if stage.up and stage.chance(stage.plan.adds):
            wait_ms = stage.random.randint(100, 900)
            stage.agenda.after(wait_ms, lambda: self._speak(self._wish()), _SPEAKING)
        self._recognised(self._verdict(words, ended_ms))

    def _verdict(self, words: str, ended_ms: int) -> CallEvent:
        stage, provider = self._stage, self._recogniser()
        at_ms, utterance = stage.now_ms, self._utterance
        if stage.chance(stage.plan.misheard):
            return transcript.UtteranceMisheard(
                at_ms=at_ms,
                utterance=utterance,
                reason=stage.random.choice(("nothing", "unsure", "unsure", "provider_failed")),
                speech_ended_ms=ended_ms,
                provider=provider,
            )
        if stage.plan.old:
            old = transcript.TranscriptFinalizedV1(
                at_ms=at_ms, utterance=utterance, text=words, speech_ended_s=ended_ms / 1000
            )
            return old  # type: ignore[return-value]  # as it stands in old messages
        return transcript.TranscriptFinalized(
            at_ms=at_ms,
            utterance=utterance,
            text=words,
            confidence=round(min(stage.random.gauss(0.9, 0.08), 1.0), 3),
            speech_ended_ms=ended_ms,
            provider=provider,
            language=stage.house.agent.languages[0] if provider == "deepgram" else "",
        )

    def _recogniser(self) -> str:
        """Who hears the turn; now and then the first one fails on it, for the rest of the call."""
        stage, stt = self._stage, self._stage.house.agent.stt
        fails = bool(stt.fallbacks) and not self._other_ears and stage.chance(stage.plan.trouble)
        if fails:
            self._other_ears = stt.fallbacks[0].provider
            switched = transcript.RecogniserSwitched(
                at_ms=stage.now_ms,
                utterance=self._utterance,
                from_provider=stt.provider,
                to_provider=self._other_ears,
                kind="disconnected",
                stage="amid",
            )
            self._recognised(switched)
        return self._other_ears or stt.provider

    def _recognised(self, event: CallEvent) -> None:
        self._stage.fact("transcript", self._ears, event, epoch=self._ears_epoch)

    def _press(self) -> None:
        """A key that means something to the agent, or a number that does not."""
        stage, known = self._stage, sorted(self._stage.house.agent.digits)
        self._turns += 1
        if known and stage.chance(0.5):
            self._press_key(stage.random.choice(known))
            return
        digits = f"{stage.random.randrange(10_000):04}#".translate(str.maketrans("01", "78"))
        for place, digit in enumerate(digits):
            stage.agenda.after(place * 350, partial(self._press_key, digit), _SPEAKING)

    def _press_key(self, digit: str) -> None:
        means_something = digit in self._stage.house.agent.digits
        cleared = self._mouth.cut() if means_something else None
        pressed = line.DigitPressed(at_ms=self._stage.now_ms, digit=digit)
        self._line.write(*([cleared] if cleared else []), pressed)

    def _hear(self, reply: int) -> None:
        """A reply begins: it may be spoken over."""
        stage = self._stage
        if stage.house.agent.barge_in.enabled and stage.chance(stage.plan.barges_in):
            wait_ms = stage.random.randint(300, 4_000)
            stage.agenda.after(wait_ms, lambda: self._barge_in(reply))

    def _barge_in(self, reply: int) -> None:
        if self._stage.up and self._mouth.reply == reply and not self.speaking:
            self._stage.agenda.call_off(_THINKING)
            self._speak(self._wish(), into_reply=True)

    def _stop(self) -> None:
        """The line is over or lost. Words that were spoken are recognised all the same."""
        self._stage.agenda.call_off(_THINKING)
        self._stage.agenda.call_off(_SPEAKING)

    def _frame(self) -> int:
        """The number of the caller's frame that arrives now."""
        stage = self._stage
        first = (stage.stint + 1) * _FRAMES_OF_A_STINT if stage.stint > 1 else 0
        return first + (stage.now_ms - self._line.since_ms) // 20
