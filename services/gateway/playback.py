"""What the caller gets to hear: replies one after the other, sentences in their order.

Pure: chunks, echoes and decisions come in with the time, steps for the line go out. All sound is
sent ahead at once, so what was heard is not what was sent; `marks` keeps account of that.

A reply waits until the one before it is over. A chunk of a lower epoch than the highest seen, or of
a reply that was given up, is refused. What is missing holds up the rest for `STALL_MS` at most; a
reply of which something was left out is cleared at its end, not finished, as it was not all heard.
"""

from typing import Final, TypeAlias

import msgspec

from contracts.line import PlaybackCleared, PlaybackFinished, PlaybackStarted, SentencePlayed
from services.audio.frames import AgentChunk, duration_ms
from services.gateway.replies import Reply, Sentence

STALL_MS: Final = 12_000
"""Of silence, before what is missing is left out. A synthesiser that is paused is dropped by the
server after 4 s, and another gets its sentence 1 s later: the caller waits for that, and is told.
"""
_LATE_MS: Final = 700  # what was written so long ago and has not come is late
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
    def confirmed(self) -> int:
        """Of the reply under way, the sentences heard to their end."""
        reply = self._present()
        return reply.confirmed if reply else 0

    @property
    def idle(self) -> bool:
        """Nothing of any reply is here, or on its way to the caller."""
        return not self._replies

    @property
    def held_up(self) -> bool:
        """Whether something waits for what is missing: `stalled` will leave that out."""
        reply = self._present()
        return reply is not None and (reply.gap or len(self._replies) > 1)

    @property
    def lacking(self) -> tuple[int, int, int] | None:
        """Where something is missing that was published: reply, sentence, byte."""
        reply = self._present()
        if reply is None or not reply.lacking:
            return None
        return reply.number, reply.at, reply.sentence(reply.at).taken_bytes

    @property
    def unconfirmed(self) -> bool:
        """Whether the carrier has yet to confirm something."""
        reply = self._present()
        return reply is not None and reply.marks.unconfirmed

    def late(self, now_ms: int) -> bool:
        """Whether the caller should have heard the next sentence by now."""
        reply = self._present()
        if reply is None:
            return False
        present = reply.sentence(reply.at)
        due = reply.gap or (present.written_ms > 0 and not present.complete)
        return due and self._still_ms(reply, now_ms) >= _LATE_MS

    def audible(self, now_ms: int) -> bool:
        """Whether the caller hears the agent just now."""
        reply = self._present()
        return reply is not None and reply.marks.audible(now_ms)

    def own(self, epoch: int) -> None:
        """The call has a new owner: of an earlier one only what it had written before is played."""
        self._epoch = max(self._epoch, epoch)

    def take(self, chunk: AgentChunk, now_ms: int) -> list[Step]:
        """A piece of a sentence came."""
        stale = chunk.epoch < self._epoch and not self._is_written(chunk)
        if stale or chunk.reply <= self._given_up:
            self.refused_chunks += 1
            return []
        self._epoch = max(self._epoch, chunk.epoch)
        self._moved_at_ms = self._moved_at_ms or now_ms
        sentence = self._reply(chunk.reply).sentence(chunk.sentence)
        if not sentence.add(chunk):
            self.refused_chunks += 1
            return []
        if sentence.waiting or sentence.complete:  # and is not only kept behind a hole
            self._moved_at_ms = now_ms
        return self._go_on(now_ms)

    def _is_written(self, chunk: AgentChunk) -> bool:
        """Whether the log has the sentence: decisions come here in the order they were stored."""
        reply = self._replies.get(chunk.reply)
        return reply is not None and reply.sentence(chunk.sentence).written_ms > 0

    def expect(self, reply: int, sentence: int, now_ms: int) -> None:
        """A sentence is written: its sound is to come."""
        if reply > self._given_up:
            self._reply(reply).sentence(sentence).written_ms = now_ms

    def written(self, reply: int, sentences: int, now_ms: int) -> list[Step]:
        """The reply has so many sentences and will have no more."""
        if reply > self._given_up and sentences:
            self._reply(reply).total = sentences
        elif reply in self._replies:
            del self._replies[reply]  # it came to nothing
        return self._go_on(now_ms)

    def announced(
        self, reply: int, sentence: int, now_ms: int, word_ends_ms: tuple[int, ...] = ()
    ) -> list[Step]:
        """All sound of a sentence was published, though some may still be on its way.

        `word_ends_ms`: as in SentenceSynthesized; empty: not known.
        """
        if reply > self._given_up:
            published = self._reply(reply).sentence(sentence)
            published.announced, published.word_ends_ms = True, word_ends_ms
            self._moved_at_ms = now_ms
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
                sent = reply.sentence(stretch.sentence).sent_ms > 0
                if sent and reply.confirmed == stretch.sentence and not reply.over:
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
        if self._still_ms(reply, now_ms) < STALL_MS:
            return []
        if reply.gap:
            reply.pass_over()
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
            steps.append(_over(reply, now_ms))
        return steps

    def _still_ms(self, reply: Reply, now_ms: int) -> int:
        """For how long nothing has moved, and something should have."""
        return now_ms - max(self._moved_at_ms, reply.sentence(reply.at).written_ms)

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


def _over(reply: Reply, now_ms: int) -> Progress:
    """How the caller heard it who heard it to its end."""
    if reply.left_out:
        return _cleared(reply, now_ms)
    return PlaybackFinished(at_ms=now_ms, reply=reply.number)


def _cleared(reply: Reply, now_ms: int) -> PlaybackCleared:
    """How far the caller heard: by the marks, or all that was sent of the sentence under way.

    What was heard behind something left out does not count.
    """
    number, played_ms = reply.marks.heard(now_ms) or (reply.at, reply.sentence(reply.at).sent_ms)
    if reply.left_out:
        missing = reply.left_out, reply.left_out_ms
        number, played_ms = min((number, played_ms), missing)
    sentence = reply.sentence(number)
    return PlaybackCleared(
        at_ms=now_ms,
        reply=reply.number,
        sentence=number,
        played_ms=played_ms,
        sentence_ms=sentence.sent_ms,
        whole=sentence.complete and number != reply.left_out,
        left_out=reply.over,
        words=sentence.words_in(played_ms),
    )
