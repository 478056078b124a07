"""Recognisers that fail: the wait for an open ear, or for a turn's words."""

import asyncio
import statistics
import time

from failover_figures import DOWN, NOBODY, SOUND, WAIT_MS, WAITS, Measured, measured, waits
from vendors.deepgram import DeepgramServer, Line, deepgram_server

from contracts.agent import Agent, Fallback, Provider
from infra.chain import Breakers
from services.stt.ears import Ears
from services.stt.hearing import Hearing, Switched
from services.stt.provider import Heard
from services.stt.providers.deepgram import Deepgram


class Turned:
    """One call's ear: is given a turn and asked for its words as soon as an ear is open."""

    def __init__(self, ears: Ears) -> None:
        self.opened, self.words, self.failed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.hearing = Hearing(ears, self)
        self.asked = False

    def on_open(self) -> None:
        self.opened.set()
        for _ in range(60):
            self.hearing.feed(SOUND)
        if self.asked:
            self.hearing.finish()

    def on_heard(self, heard: Heard) -> None:
        if heard.final:
            self.words.set()

    def on_deaf(self, *, again: bool) -> None:
        self.failed.set()

    def on_switch(self, switched: Switched) -> None:
        """The ear itself is told of it."""

    def ask(self) -> None:
        self.asked = True
        self.hearing.finish()


async def answers(line: Line) -> None:
    asked = 0
    while True:
        asked += 1
        await line.told("Finalize", times=asked)
        await line.results("hello", is_final=True, from_finalize=True)


async def of_ears(turns: int) -> list[Measured]:
    async with deepgram_server() as first, deepgram_server() as second:
        ears = {
            "first": Deepgram(first.key, first.url, final_ms=5_000),
            "second": Deepgram(second.key, second.url, final_ms=5_000),
        }
        gone = {**ears, "first": Deepgram(first.key, NOBODY)}
        second.script = answers
        chain = Provider(provider="first", fallbacks=(Fallback(provider="second"),), **WAITS)
        agent = Agent(name="a", stt=chain)

        async def turn(
            among: dict[str, Deepgram] = ears, *, opening: bool = False, breaks: bool = False
        ) -> float:
            call = Turned(Ears(agent, among, Breakers()))
            began_s, running = time.perf_counter(), asyncio.create_task(call.hearing.run())
            try:
                await call.opened.wait()
                if opening:
                    return (time.perf_counter() - began_s) * 1000
                began_s = time.perf_counter()
                if breaks:
                    await _reached(first)
                    began_s = time.perf_counter()
                    first.lines[-1].break_off()
                    await call.failed.wait()
                call.ask()
                await call.words.wait()
                return (time.perf_counter() - began_s) * 1000
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

        first.script = answers
        opened_ms = statistics.median(await waits(lambda: turn(opening=True), turns))
        usual_ms = statistics.median(await waits(turn, turns))
        refused = await waits(lambda: turn(gone, opening=True), turns)
        first.refusal = DOWN
        down = await waits(lambda: turn(opening=True), turns)
        first.refusal = None
        broken = await waits(lambda: turn(breaks=True), turns)
        first.script = _silent
        silent = await waits(turn, turns)
    return [
        measured("stt", "connection refused", 0, refused, opened_ms),
        measured("stt", "503", 0, down, opened_ms),
        measured("stt", "disconnected amid speech", 0, broken, usual_ms),
        measured("stt", "stall before the words", WAIT_MS, silent, usual_ms),
    ]


async def _reached(server: DeepgramServer) -> None:
    await server.lines[-1].heard(30 * len(SOUND))


async def _silent(line: Line) -> None:
    """Hear, and say nothing."""
