"""The agent's side of a line: what playback decides goes to the carrier, progress to the log."""

import asyncio
from collections.abc import Callable
from typing import Final

from services.audio.frames import CHUNK_BYTES_LIMIT, AgentChunk, duration_ms, split
from services.gateway.carrier import Carrier
from services.gateway.clock import now_ms
from services.gateway.playback import Clear, Mark, Play, Playback, Progress, Step
from services.gateway.wire import Wire

_LOOK_S: Final = 1.0  # whether what is missing has been for too long


class Mouth:
    """Speaks to one caller. `tell` gets what the caller has heard, as it becomes known; `lack` is
    called once for each place at which published sound is missing."""

    def __init__(
        self,
        stream: str,
        carrier: Carrier,
        wire: Wire,
        tell: Callable[[Progress], None],
        lack: Callable[[], None],
        moment: Callable[[], bytes],
    ) -> None:
        """`moment`: the phrase that asks the caller to wait, as mu-law."""
        self._stream, self._carrier, self._wire, self._tell = stream, carrier, wire, tell
        self._lack, self._lacking = lack, (0, 0, 0)
        self._moment = moment
        self._phrase_until_ms = 0  # UNIX time; until then the carrier plays the phrase alone
        self._playback: Final = Playback()
        self._looking: asyncio.TimerHandle | None = None

    @property
    def audible(self) -> bool:
        """Whether the caller hears the agent just now."""
        return self._playback.audible(now_ms())

    @property
    def reply(self) -> int:
        """The reply under way, 0 when there is none."""
        return self._playback.under_way

    @property
    def heard(self) -> tuple[int, int]:
        """The reply under way and how many of its sentences were heard for certain; 0, 0: none."""
        reply = self._playback.under_way
        return (reply, self._playback.confirmed) if reply else (0, 0)

    @property
    def idle(self) -> bool:
        """Nothing is being said, or about to be."""
        return self._playback.idle

    @property
    def late(self) -> bool:
        """Whether the caller should have heard the next sentence by now."""
        return self._playback.late(now_ms())

    @property
    def refused_chunks(self) -> int:
        """Of an old epoch, or of a reply given up."""
        return self._playback.refused_chunks

    def own(self, epoch: int) -> None:
        """The call has a new owner."""
        self._playback.own(epoch)

    def speak(self, chunk: AgentChunk) -> None:
        """A piece of a sentence came."""
        self._do(self._playback.take(chunk, now_ms()))

    def expect(self, reply: int, sentence: int) -> None:
        """The actor has written a sentence."""
        self._playback.expect(reply, sentence, now_ms())

    def written(self, reply: int, sentences: int) -> None:
        """The actor has finished writing a reply."""
        self._do(self._playback.written(reply, sentences, now_ms()))

    def announced(self, reply: int, sentence: int, word_ends_ms: tuple[int, ...] = ()) -> None:
        """The synthesiser published all of a sentence, and may say when its words end."""
        self._do(self._playback.announced(reply, sentence, now_ms(), word_ends_ms))

    def leave_out(self, reply: int, sentence: int) -> None:
        """A sentence could not be spoken."""
        self._do(self._playback.leave_out(reply, sentence, now_ms()))

    def echoed(self, name: str) -> None:
        """The carrier confirms a mark."""
        self._do(self._playback.echoed(name, now_ms()))

    def cancel(self, reply: int) -> None:
        """The actor gave a reply up."""
        self._do(self._playback.cancel(reply, now_ms()))

    def cut(self) -> Progress | None:
        """Stop speaking at once. What was heard is returned, not told: the caller of this knows
        what it belongs together with."""
        progress: Progress | None = None
        for step in self._playback.cut(now_ms()):
            if isinstance(step, Clear):
                self._clear()
            elif not isinstance(step, Play | Mark):
                progress = step
        return progress

    def hold(self) -> float:
        """Speak the phrase for when nobody else can; how long it lasts, in seconds."""
        phrase, alone = self._moment(), not self._playback.unconfirmed
        for piece in split(phrase, CHUNK_BYTES_LIMIT):
            self._wire.send(self._carrier.media(self._stream, piece))
        self._phrase_until_ms = now_ms() + duration_ms(phrase) if alone else 0
        return duration_ms(phrase) / 1000

    def hush(self) -> None:
        """Break off the phrase, if the caller hears it just now."""
        if now_ms() < self._phrase_until_ms:
            self._clear()

    def stop(self) -> None:
        """Nothing is played any more."""
        if self._looking:
            self._looking.cancel()

    def _do(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case Play(mulaw=mulaw):
                    self.hush()
                    self._wire.send(self._carrier.media(self._stream, mulaw))
                case Mark(name=name):
                    self._wire.send(self._carrier.mark(self._stream, name))
                case Clear():
                    self._clear()
                case _:
                    self._tell(step)
        lacking = self._playback.lacking
        if lacking and lacking != self._lacking:
            self._lacking = lacking
            self._lack()
        if self._playback.held_up and self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _clear(self) -> None:
        self._wire.send_instead(self._carrier.clear(self._stream))
        self._phrase_until_ms = 0

    def _look(self) -> None:
        self._looking = None
        self._do(self._playback.stalled(now_ms()))
