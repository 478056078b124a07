"""What the caller gets to hear: replies one after the other, sentences in their order.

Pure: chunks, echoes and decisions come in with the time, steps for the line go out. All sound is
sent ahead at once, so what was heard is not what was sent; `marks` keeps account of that.

A reply waits until the one before it is over. A chunk of a lower epoch than the highest seen, or of
a reply that was given up, is refused. What is missing holds up the rest for `STALL_MS` at most.
"""

from typing import Final, TypeAlias

import msgspec

from contracts.line import PlaybackCleared, PlaybackFinished, PlaybackStarted, SentencePlayed
from services.audio.frames import AgentChunk, duration_ms
from services.gateway.replies import Reply, Sentence

STALL_MS: Final = 3_000  # of silence, before what is missing is left out
_BYTES_PER_MS: Final = 8


class Play(msgspec.Struct, frozen=True):
    """Have this played after all that was sent before."""

    mulaw: bytes


class Mark(msgspec.Struct, frozen=True):
    """Ask for an echo here."""

    name: str


class Clear(msgspec.Struct, frozen=True):
    """Throw away what was sent and not played."""


Progress: TypeAlias = PlaybackStarted | SentencePlayed | PlaybackFinished | PlaybackCleared
Step: TypeAlias = Play | Mark | Clear | Progress


class Playback:
    """The agent's side of one line. Every `now_ms` is UNIX time in milliseconds."""

    def __init__(self) -> None:
        self.refused_chunks = 0  # of an old epoch, a reply given up, or twice the same
        self._epoch = 0
        self._given_up = 0  # replies up to this one are over
        self._replies: dict[int, Reply] = {}
        self._moved_at_ms = 0  # when something last came or was confirmed

    @property
    def under_way(self) -> int:
        """The reply the caller is hearing, also between two of its sentences; 0: none."""
        reply = self._present()
        return reply.number if reply and reply.started else 0

    @property
    def held_up(self) -> bool:
        """Whether something waits for what is missing: `stalled` will leave that out."""
        reply = self._present()
        return reply is not None and (reply.gap or len(self._replies) > 1)

    def audible(self, now_ms: int) -> bool:
        """Whether the caller hears the agent just now."""
        reply = self._present()
        return reply is not None and reply.marks.audible(now_ms)

    def own(self, epoch: int) -> None:
        """The call has a new owner: nothing of an earlier one is played from here on."""
        self._epoch = max(self._epoch, epoch)

    def take(self, chunk: AgentChunk, now_ms: int) -> list[Step]:
        """A piece of a sentence came."""
        if chunk.epoch < self._epoch or chunk.reply <= self._given_up:
            self.refused_chunks += 1
            return []
        self._epoch = chunk.epoch
        if not self._reply(chunk.reply).sentence(chunk.sentence).add(chunk):
            self.refused_chunks += 1
            return []
        self._moved_at_ms = now_ms
        return self._go_on(now_ms)

    def written(self, reply: int, sentences: int, now_ms: int) -> list[Step]:
        """The reply has so many sentences and will have no more."""
        if reply > self._given_up and sentences:
            self._reply(reply).total = sentences
        elif reply in self._replies:
            del self._replies[reply]  # it came to nothing
        return self._go_on(now_ms)

    def announced(self, reply: int, sentence: int, now_ms: int) -> list[Step]:
        """All sound of a sentence was published, though some may still be on its way."""
        if reply > self._given_up:
            self._reply(reply).sentence(sentence).announced = True
        return self._go_on(now_ms)

    def leave_out(self, reply: int, sentence: int, now_ms: int) -> list[Step]:
        """No more sound of a sentence will come: it could not be spoken."""
        if reply > self._given_up:
            self._reply(reply).sentence(sentence).complete = True
        return self._go_on(now_ms)

    def echoed(self, name: str, now_ms: int) -> list[Step]:
        """The carrier confirms a mark. Echoes of a reply that was cleared mean nothing."""
        reply = self._present()
        confirmed = reply.marks.echoed(name, now_ms) if reply else []
        if reply is None or not confirmed:
            return []
        self._moved_at_ms = now_ms
        steps: list[Step] = []
        for stretch in confirmed:
            if stretch.end:
                reply.heard = stretch.sentence
                if reply.sentence(stretch.sentence).sent_ms and not reply.over:
                    steps.append(_played(reply, now_ms))
        return steps + self._go_on(now_ms)

    def cut(self, now_ms: int) -> list[Step]:
        """The caller is to hear no more of the reply under way. Nothing when there is none."""
        reply = self._present()
        if reply is None or not reply.started:
            return []
        self._give_up(reply.number)
        return [Clear(), _cleared(reply, now_ms)]

    def cancel(self, reply: int, now_ms: int) -> list[Step]:
        """The actor gave up this reply, and with it all before."""
        steps = self.cut(now_ms) if 0 < self.under_way <= reply else []
        self._give_up(reply)
        return steps + self._go_on(now_ms)

    def stalled(self, now_ms: int) -> list[Step]:
        """Leave out what is missing, if it has been for long enough."""
        reply = self._present()
        if reply is None or not self.held_up or self.audible(now_ms):
            return []
        if now_ms - self._moved_at_ms < STALL_MS:
            return []
        if reply.gap:
            reply.sentence(reply.at).complete = True
        else:
            self._give_up(reply.number)
        return self._go_on(now_ms)

    def _go_on(self, now_ms: int) -> list[Step]:
        steps: list[Step] = []
        while (reply := self._present()) is not None:
            steps += _send(reply, now_ms)
            if not reply.over:
                break
            self._give_up(reply.number)
            steps.append(PlaybackFinished(at_ms=now_ms, reply=reply.number))
        return steps

    def _present(self) -> Reply | None:
        return self._replies[min(self._replies)] if self._replies else None

    def _reply(self, number: int) -> Reply:
        if number not in self._replies:
            self._replies[number] = Reply(number)
        return self._replies[number]

    def _give_up(self, number: int) -> None:
        self._given_up = max(self._given_up, number)
        for old in [known for known in self._replies if known <= self._given_up]:
            del self._replies[old]


def _send(reply: Reply, now_ms: int) -> list[Step]:
    """All of the reply that can be sent now."""
    steps: list[Step] = []
    while True:
        sentence = reply.sentence(reply.at)
        if sentence.waiting and not reply.started:
            reply.started = True
            steps.append(PlaybackStarted(at_ms=now_ms, reply=reply.number))
        while sentence.waiting:
            steps += _sound(reply, sentence, sentence.waiting.popleft(), now_ms)
        if not sentence.complete:
            return steps
        steps.append(_mark(reply, sentence, now_ms, end=True))
        reply.at += 1


def _sound(reply: Reply, sentence: Sentence, mulaw: bytes, now_ms: int) -> list[Step]:
    """`mulaw`, with a mark wherever one is due."""
    steps: list[Step] = []
    while mulaw:
        room_bytes = reply.marks.room_ms(reply.at) * _BYTES_PER_MS
        piece, mulaw = mulaw[:room_bytes], mulaw[room_bytes:]
        reply.marks.sent(reply.at, sentence.sent_ms, duration_ms(piece), now_ms)
        sentence.sent_ms += duration_ms(piece)
        steps.append(Play(piece))
        if reply.marks.room_ms(reply.at) <= 0:
            steps.append(_mark(reply, sentence, now_ms, end=False))
    return steps


def _mark(reply: Reply, sentence: Sentence, now_ms: int, *, end: bool) -> Mark:
    name = f"r{reply.number}.s{reply.at}.{sentence.sent_ms}{'.end' if end else ''}"
    reply.marks.close(name, reply.at, sentence.sent_ms, now_ms, end=end)
    return Mark(name)


def _played(reply: Reply, now_ms: int) -> SentencePlayed:
    return SentencePlayed(at_ms=now_ms, reply=reply.number, sentence=reply.heard)


def _cleared(reply: Reply, now_ms: int) -> PlaybackCleared:
    """How far the caller heard: by the marks, or all that was sent of the sentence under way."""
    number, played_ms = reply.marks.heard(now_ms) or (reply.at, reply.sentence(reply.at).sent_ms)
    sentence = reply.sentence(number)
    return PlaybackCleared(
        at_ms=now_ms,
        reply=reply.number,
        sentence=number,
        played_ms=played_ms,
        sentence_ms=sentence.sent_ms,
        whole=sentence.complete,
    )
