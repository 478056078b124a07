"""Those who hold no call: the voices, the knowledge, and who judges calls afterwards."""

from functools import partial

from contracts import dialog, passages, synthesis
from contracts.ids import HostId
from contracts.outcome import OutcomeRecorded
from contracts.recorded import CallEvent, DialogEvent
from loadtest.generating.mouth import Mouth
from loadtest.generating.stage import Stage

_MS_A_CHARACTER = 62  # of speech
_FAILURES = ("rate_limited", "ConnectTimeout", "unknown_voice")


class Voice:
    """Speaks the sentences, one after another."""

    def __init__(self, stage: Stage, mouth: Mouth) -> None:
        self._stage, self._mouth = stage, mouth
        self._host = stage.host("tts")
        self._free_ms = 0
        self._in_work: dict[int, dict[int, int]] = {}  # when each began, by reply and sentence
        stage.on_decided.append(self._on_decided)

    def _on_decided(self, event: DialogEvent) -> None:
        match event:
            case dialog.SentenceWritten():
                self._speak(event)
            case dialog.ReplyInterrupted(reply=reply):
                self._drop(reply)
            case dialog.CallEnded():
                for reply in list(self._in_work):
                    self._drop(reply)
            case _:
                pass

    def _speak(self, written: dialog.SentenceWritten) -> None:
        stage, key = self._stage, ("voice", written.reply)
        waits_ms = max(self._free_ms - stage.now_ms, 0)
        cached = written.fixed and stage.chance(0.9)
        first_ms = stage.random.uniform(2, 9) if cached else stage.random.uniform(70, 320)
        took_ms = first_ms + (1.0 if cached else len(written.text) * stage.random.uniform(1, 4))
        self._free_ms = stage.now_ms + round(waits_ms + took_ms)
        begins_ms = stage.now_ms + waits_ms
        self._in_work.setdefault(written.reply, {})[written.sentence] = begins_ms
        audio_ms = round(len(written.text) * _MS_A_CHARACTER * stage.random.uniform(0.9, 1.15))
        if stage.chance(stage.plan.trouble):
            audio_ms = 0
        reply, sentence = written.reply, written.sentence
        stage.agenda.after(
            waits_ms + first_ms, lambda: self._mouth.play(reply, sentence, audio_ms), key
        )
        outcome = (written, audio_ms, round(first_ms, 3), round(took_ms, 3), cached)
        stage.agenda.after(waits_ms + took_ms + 1, lambda: self._done(*outcome), key)

    def _done(
        self,
        written: dialog.SentenceWritten,
        audio_ms: int,
        first_ms: float,
        took_ms: float,
        cached: bool,
    ) -> None:
        reply, sentence = written.reply, written.sentence
        del self._in_work[reply][sentence]
        provider, at_ms = written.voice.provider, self._stage.now_ms
        if audio_ms == 0:
            kind = self._stage.random.choice(_FAILURES)
            failed = synthesis.SynthesisFailed(
                at_ms=at_ms, reply=reply, sentence=sentence, kind=kind, provider=provider
            )
            self._store(failed)
            return
        switches = () if cached else self._switched(written)
        spoken = synthesis.SentenceSynthesized(
            at_ms=at_ms,
            reply=reply,
            sentence=sentence,
            audio_ms=audio_ms,
            first_audio_ms=first_ms,
            took_ms=took_ms,
            characters=len(written.text),
            provider=switches[0].to_provider if switches else provider,
            cached=cached,
        )
        self._store(*switches, spoken)

    def _switched(self, written: dialog.SentenceWritten) -> tuple[synthesis.VoiceSwitched, ...]:
        """Now and then the voice fails, and another one speaks the sentence."""
        stage, voice = self._stage, written.voice
        if not voice.fallbacks or not stage.chance(stage.plan.trouble):
            return ()
        switched = synthesis.VoiceSwitched(
            at_ms=stage.now_ms,
            reply=written.reply,
            sentence=written.sentence,
            from_provider=voice.provider,
            to_provider=voice.fallbacks[0].provider,
            kind=stage.random.choice(_FAILURES),
            stage="first",
            wait_ms=round(stage.random.uniform(5, 2_000), 3),
        )
        return (switched,)

    def _drop(self, reply: int) -> None:
        stage = self._stage
        left = self._in_work.pop(reply, {})
        stage.agenda.call_off(("voice", reply))
        for sentence, began_ms in left.items():
            audio_ms = max(stage.now_ms - began_ms - 100, 0)
            wait_ms = stage.random.randint(2, 12)
            stage.agenda.after(wait_ms, partial(self._dropped, reply, sentence, audio_ms))

    def _dropped(self, reply: int, sentence: int, audio_ms: int) -> None:
        at_ms = self._stage.now_ms
        dropped = synthesis.SynthesisDropped(
            at_ms=at_ms, reply=reply, sentence=sentence, audio_ms=audio_ms
        )
        self._store(dropped)

    def _store(self, *events: CallEvent) -> None:
        self._stage.fact("synthesis", self._host, *events)


class Knowledge:
    """Finds passages, or nothing, or fails, or is late."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._host = stage.host("rag")
        stage.on_decided.append(self._on_decided)

    def _on_decided(self, event: DialogEvent) -> None:
        if not isinstance(event, dialog.PassagesWanted):
            return
        stage = self._stage
        took_ms = stage.random.lognormvariate(3.4, 0.5)
        if stage.chance(stage.plan.trouble + 0.01):
            took_ms += stage.house.agent.limits.passages_ms
        answer = self._failed if stage.chance(stage.plan.trouble) else self._found
        stage.agenda.after(took_ms, lambda: answer(event, took_ms))

    def _found(self, wanted: dialog.PassagesWanted, took_ms: float) -> None:
        stage, talk = self._stage, self._stage.talk
        intent = talk.understood.intent if talk and talk.understood else ""
        topic = stage.house.topic(intent)
        pieces = list(topic.passages) if topic else []
        if pieces and stage.chance(0.5):
            pieces += [stage.random.choice(stage.house.pieces())]
        best = stage.random.uniform(4, 12)
        found = passages.PassagesFound(
            at_ms=stage.now_ms,
            turn=wanted.turn,
            passages=tuple(p.found(best / (place + 1)) for place, p in enumerate(pieces)),
            took_ms=round(took_ms, 3),
        )
        stage.fact("passages", self._host, found)

    def _failed(self, wanted: dialog.PassagesWanted, took_ms: float) -> None:
        kind = self._stage.random.choice(("StoreFailed", "TimeoutError"))
        failed = passages.PassagesFailed(at_ms=self._stage.now_ms, turn=wanted.turn, kind=kind)
        self._stage.fact("passages", self._host, failed)


class Judge:
    """Says what came of most calls, some time after them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._host: HostId = stage.host("outcome")
        stage.on_decided.append(self._on_decided)

    def _on_decided(self, event: DialogEvent) -> None:
        if isinstance(event, dialog.CallEnded) and event.turns and self._stage.chance(0.85):
            wait_ms = self._stage.random.randint(2_000, 20_000)
            self._stage.agenda.after(wait_ms, lambda: self._judge(event))

    def _judge(self, ended: dialog.CallEnded) -> None:
        stage = self._stage
        good = ended.reason in ("agent_hung_up", "caller_hung_up") and stage.chance(0.8)
        outcome = "success" if good else stage.random.choice(("failure", "unknown"))
        summary = stage.random.choice(stage.house.summaries)
        judged = OutcomeRecorded(at_ms=stage.now_ms, outcome=outcome, summary=summary)
        stage.fact("outcome", self._host, judged)
