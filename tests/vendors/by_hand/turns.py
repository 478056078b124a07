"""What loopback's Flux and Ink hear: they end turns themselves, and say before when it is likely.

A turn is over a while after the end of what the caller has to say; any shorter pause is a likely
end, which is taken back when the caller goes on.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from vendors.by_hand.hearing import Ear, Place
from vendors.by_hand.latency import Latency
from vendors.cartesia import InkLine
from vendors.deepgram_flux import FluxLine
from vendors.sockets import Line


class Telling(Protocol):
    """How a vendor tells of a turn."""

    async def grow(self, words: str, *, first: bool, resumed: bool) -> None: ...

    async def likely(self, words: str) -> None: ...

    async def over(self, words: str, *, forced: bool) -> None: ...


def flux(known: dict[bytes, Place], latency: Latency) -> Callable[[FluxLine], Awaitable[None]]:
    """The script of listen v2."""

    async def script(line: FluxLine) -> None:
        early = "eager_eot_threshold" in line.query
        await _Turns(known, latency, line, _Flux(line), early, line.forced_bytes).listen()

    return script


def ink(known: dict[bytes, Place], latency: Latency) -> Callable[[InkLine], Awaitable[None]]:
    """The script of Cartesia's turns: likely ends are always told, and nothing can be forced."""

    async def script(line: InkLine) -> None:
        await _Turns(known, latency, line, _Ink(line), True, []).listen()

    return script


class _Turns:
    def __init__(
        self,
        known: dict[bytes, Place],
        latency: Latency,
        line: Line,
        telling: Telling,
        early: bool,
        forced_bytes: list[int],
    ) -> None:
        self._ear, self._latency, self._line, self._telling = Ear(known), latency, line, telling
        self._early, self._forced_bytes = early, forced_bytes
        self._taken = self._answered = 0  # bytes of audio, and requests to end the turn
        self._told, self._likely = "", False

    async def listen(self) -> None:
        while True:
            await self._line.until(self._news)
            self._ear.take(bytes(self._line.audio[self._taken :]))
            self._taken = len(self._line.audio)
            forced, self._answered = self._forced, len(self._forced_bytes)
            await self._tell(forced=forced)

    @property
    def _forced(self) -> bool:
        return len(self._forced_bytes) > self._answered

    def _news(self) -> bool:
        return self._forced or len(self._line.audio) > self._taken

    async def _tell(self, *, forced: bool) -> None:
        words, quiet_ms = self._ear.words, self._ear.quiet_ms
        if words != self._told:
            await self._telling.grow(words, first=not self._told, resumed=self._likely)
            self._told, self._likely = words, False
        elif self._early and words and not self._likely and quiet_ms >= self._latency.eager_ms:
            await self._telling.likely(words)
            self._likely = True
        over = self._ear.whole and quiet_ms >= self._latency.end_of_turn_ms
        if words and (over or forced):
            await self._telling.over(words, forced=forced)
            self._ear.forget()
            self._told, self._likely = "", False


class _Flux:
    def __init__(self, line: FluxLine) -> None:
        self._line = line

    async def grow(self, words: str, *, first: bool, resumed: bool) -> None:
        tell = self._line.start if first else self._line.resume if resumed else self._line.update
        await tell(words)

    async def likely(self, words: str) -> None:
        await self._line.eager(words)

    async def over(self, words: str, *, forced: bool) -> None:
        await self._line.end(words, trigger="manual" if forced else "model")


class _Ink:
    """What is written is never revised: the stop comes with the end."""

    def __init__(self, line: InkLine) -> None:
        self._line = line

    async def grow(self, words: str, *, first: bool, resumed: bool) -> None:
        if first:
            await self._line.start()
        if resumed:
            await self._line.resume()
        await self._line.update(words.rstrip("."))

    async def likely(self, words: str) -> None:
        await self._line.eager(words.rstrip("."))

    async def over(self, words: str, *, forced: bool) -> None:
        await self._line.end(words.rstrip("."))
