"""PocketSphinx, the embedded recogniser: no key, no account, nothing to download; US English.

On telephone sound it understands sentences of a small grammar, so the grammar is made from the
agent's own phrases. An agent without phrases gets dictation, of which most words are wrong.
"""

import asyncio
import importlib.util
import itertools
import os
from collections.abc import AsyncIterator
from typing import Final

from contracts.agent import Agent
from services.stt.provider import Capabilities, Heard, RecognitionFailed
from services.stt.providers.grammar import of_agent
from services.stt.providers.pocketsphinx_process import Gone, WorkerProcess
from services.stt.providers.pocketsphinx_wire import End, Hear, Leave

NAME: Final = "pocketsphinx"
_FRAMES_A_MESSAGE: Final = 2  # 40 ms: half the writes, and decoding stays close behind


class PocketSphinx:
    """Workers shared by all calls; each is started when there are more calls than workers."""

    name = NAME
    capabilities = Capabilities(interim=False, end_of_turn=False, continuous=False)

    def __init__(self, processes: int | None = None) -> None:
        """`processes`: workers at most; None: one for each core."""
        self._most = processes or os.cpu_count() or 1
        self._workers: list[WorkerProcess] = []
        self._ears = itertools.count(1)
        self._opening = asyncio.Lock()

    async def open(self, agent: Agent, language: str) -> "PocketSphinxEar":
        if importlib.util.find_spec("pocketsphinx") is None:
            raise RecognitionFailed(
                NAME, "not installed: there is no build for this Python", retryable=False
            )
        if not language.lower().startswith("en"):
            raise RecognitionFailed(NAME, "knows English only", retryable=False)
        said = of_agent(agent)
        try:
            async with self._opening:
                worker = await self._worker()
                grammar = await worker.load(said)
        except Gone as gone:
            raise RecognitionFailed(NAME, gone.kind, retryable=True) from None
        return PocketSphinxEar(worker, next(self._ears), grammar)

    async def _worker(self) -> WorkerProcess:
        """The one with the fewest ears, or a new one while there may be more."""
        self._workers = [worker for worker in self._workers if not worker.gone]
        free = [worker for worker in self._workers if not worker.ears]
        if free:
            return free[0]
        if len(self._workers) < self._most:
            self._workers.append(await WorkerProcess.start())
            return self._workers[-1]
        return min(self._workers, key=lambda worker: len(worker.ears))

    async def close(self) -> None:
        """End the workers."""
        workers, self._workers = self._workers, []
        await asyncio.gather(*(worker.close() for worker in workers))


class PocketSphinxEar:
    """One call's turns, decoded in a worker as they come in."""

    def __init__(self, worker: WorkerProcess, ear: int, grammar: int) -> None:
        self._worker, self._ear, self._grammar = worker, ear, grammar
        self._sound = bytearray()  # frames not yet sent
        self._frames = 0  # of them
        self._heard = worker.attend(ear)

    def feed(self, frame: bytes) -> None:
        self._sound += frame
        self._frames += 1
        if self._frames >= _FRAMES_A_MESSAGE:
            self._send()

    def finish(self) -> None:
        if self._frames:
            self._send()
        self._worker.tell(End(self._ear))

    def _send(self) -> None:
        self._worker.tell(Hear(self._ear, self._grammar, bytes(self._sound)))
        self._sound.clear()
        self._frames = 0

    async def heard(self) -> AsyncIterator[Heard]:
        while (understood := await self._heard.get()) is not None:
            if isinstance(understood, Gone):
                raise RecognitionFailed(NAME, understood.kind, retryable=True)
            yield Heard(
                text=understood.text, final=True, confidence=understood.confidence, language="en-US"
            )

    async def close(self) -> None:
        if self._ear in self._worker.ears:
            self._worker.tell(Leave(self._ear))
            self._worker.leave(self._ear)
