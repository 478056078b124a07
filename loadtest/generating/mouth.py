"""What the caller hears: sentences played one after another, confirmed, or cut."""

from collections.abc import Callable
from typing import NamedTuple

from contracts import dialog, line
from contracts.ids import HostId
from contracts.recorded import DialogEvent, LineEvent
from loadtest.generating.stage import Stage

_KEY = "playing"


class Sound(NamedTuple):
    """A sentence on its way to the caller's ear."""

    sentence: int
    begins_ms: int  # UNIX time
    audio_ms: int


class Mouth:
    """The gateway's side of the replies. `gateway` names who has the line."""

    def __init__(self, stage: Stage, gateway: Callable[[], HostId]) -> None:
        self._stage, self._gateway = stage, gateway
        self.reply = 0  # that is being heard; 0: none
        self.confirmed = 0  # sentences of it that were heard
        self.on_begun: list[Callable[[int], None]] = []
        self._sounds: list[Sound] = []
        self._totals: dict[int, int] = {}  # sentences of finished replies
        self._over = 0  # replies up to this one are not heard any more
        self._left_out = False
        stage.on_decided.append(self._on_decided)

    @property
    def expected_ms(self) -> int:
        """How much longer the present reply lasts, as far as it is known."""
        last = self._sounds[-1] if self._sounds else None
        return max(last.begins_ms + last.audio_ms - self._stage.now_ms, 0) if last else 0

    def play(self, reply: int, sentence: int, audio_ms: int) -> None:
        """The first sound of a sentence comes in; 0 ms of one that could not be spoken."""
        stage = self._stage
        if not stage.up or reply <= self._over:
            return
        if reply != self.reply:
            self._begin(reply)
        begins_ms = stage.now_ms + self.expected_ms
        self._sounds.append(Sound(sentence, begins_ms, audio_ms))
        wait_ms = begins_ms + audio_ms - stage.now_ms
        stage.agenda.after(wait_ms, lambda: self._heard(reply, sentence), _KEY)

    def cut(self) -> line.PlaybackCleared | None:
        """Throw the rest of the reply away; None when none is heard."""
        cleared = self._cleared() if self.reply else None
        self.drop()
        return cleared

    def drop(self) -> None:
        """Nothing more of the present reply is heard, and nothing is said of it."""
        self._over = max(self._over, self.reply)
        self.reply = self.confirmed = 0
        self._sounds.clear()
        self._stage.agenda.call_off(_KEY)

    def _begin(self, reply: int) -> None:
        self.drop()
        self.reply = reply
        self._left_out = self._stage.chance(0.003)
        self._write(line.PlaybackStarted(at_ms=self._stage.now_ms, reply=reply))
        for begun in self.on_begun:
            begun(reply)

    def _heard(self, reply: int, sentence: int) -> None:
        self.confirmed = sentence
        if self._totals.get(reply) == sentence:
            self._finish(reply)
        else:
            played = line.SentencePlayed(at_ms=self._stage.now_ms, reply=reply, sentence=sentence)
            self._write(played)

    def _finish(self, reply: int) -> None:
        if reply != self.reply:
            return
        at_ms = self._stage.now_ms
        over: line.PlaybackFinished | line.PlaybackCleared
        over = line.PlaybackFinished(at_ms=at_ms, reply=reply)
        if self._left_out:
            over = self._cleared(left_out=True)
        self.drop()
        self._write(over)

    def _cleared(self, *, left_out: bool = False) -> line.PlaybackCleared:
        now_ms = self._stage.now_ms
        begun = [each for each in self._sounds if each.begins_ms <= now_ms] or self._sounds[:1]
        sentence, begins_ms, audio_ms = begun[-1]
        played_ms = min(max(now_ms - begins_ms, 0), audio_ms)
        whole = now_ms - begins_ms > 400  # by then its synthesis is over
        return line.PlaybackCleared(
            at_ms=now_ms,
            reply=self.reply,
            sentence=sentence,
            played_ms=played_ms // 2 if left_out else played_ms,
            sentence_ms=audio_ms if whole else audio_ms // 2,
            whole=whole and not left_out,
            left_out=left_out,
        )

    def _on_decided(self, event: DialogEvent) -> None:
        match event:
            case dialog.ReplyFinished(reply=reply, sentences=total):
                self._totals[reply] = total
                if reply == self.reply and self.confirmed == total:
                    self._stage.agenda.after(1, lambda: self._finish(reply), _KEY)
            case dialog.ReplyInterrupted(reply=reply) if reply == self.reply and self._stage.up:
                self._stage.agenda.after(1, lambda: self._cancel(reply), _KEY)
            case dialog.ReplyInterrupted(reply=reply) | dialog.CallerReturned(reply=reply):
                self._over = max(self._over, reply)
            case _:
                pass

    def _cancel(self, reply: int) -> None:
        """The actor gave the reply up before the caller did."""
        if reply == self.reply and (cleared := self.cut()):
            self._write(cleared)

    def _write(self, *events: LineEvent) -> None:
        self._stage.fact("line", self._gateway(), *events, epoch=self._stage.stint)
