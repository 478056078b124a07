"""The agent's side of a line: what playback decides goes to the carrier, progress to the log."""

import asyncio
from collections.abc import Callable
from typing import Final

from services.audio.frames import CHUNK_BYTES_LIMIT, AgentChunk, split
from services.audio.phrases import one_moment
from services.gateway.carrier import Carrier
from services.gateway.clock import now_ms
from services.gateway.playback import STALL_MS, Clear, Mark, Play, Playback, Progress, Step
from services.gateway.wire import Wire

_LOOK_S: Final = STALL_MS / 1000 + 0.01


class Mouth:
    """Speaks to one caller. `tell` gets what the caller has heard, as it becomes known."""

    def __init__(
        self, stream: str, carrier: Carrier, wire: Wire, tell: Callable[[Progress], None]
    ) -> None:
        self._stream, self._carrier, self._wire, self._tell = stream, carrier, wire, tell
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
    def refused_chunks(self) -> int:
        """Of an old epoch, or of a reply given up."""
        return self._playback.refused_chunks

    def own(self, epoch: int) -> None:
        """The call has a new owner."""
        self._playback.own(epoch)

    def speak(self, chunk: AgentChunk) -> None:
        """A piece of a sentence came."""
        self._do(self._playback.take(chunk, now_ms()))

    def written(self, reply: int, sentences: int) -> None:
        """The actor has finished writing a reply."""
        self._do(self._playback.written(reply, sentences, now_ms()))

    def announced(self, reply: int, sentence: int) -> None:
        """The synthesiser published all of a sentence."""
        self._do(self._playback.announced(reply, sentence, now_ms()))

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
                self._wire.send_instead(self._carrier.clear(self._stream))
            elif not isinstance(step, Play | Mark):
                progress = step
        return progress

    def hold(self) -> None:
        """The recorded phrase for when nobody else can speak."""
        for piece in split(one_moment(), CHUNK_BYTES_LIMIT):
            self._wire.send(self._carrier.media(self._stream, piece))

    def stop(self) -> None:
        """Nothing is played any more."""
        if self._looking:
            self._looking.cancel()

    def _do(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case Play(mulaw=mulaw):
                    self._wire.send(self._carrier.media(self._stream, mulaw))
                case Mark(name=name):
                    self._wire.send(self._carrier.mark(self._stream, name))
                case Clear():
                    self._wire.send_instead(self._carrier.clear(self._stream))
                case _:
                    self._tell(step)
        if self._playback.held_up and self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        self._looking = None
        self._do(self._playback.stalled(now_ms()))
