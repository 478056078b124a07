"""An embedding as a worker uses it: questions have a deadline and a memory, passages patience."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from infra import breaker
from infra.telemetry import use
from services.rag.counts import Counts
from services.rag.memory import Memory, mark_of
from services.rag.provider import Embedding, EmbeddingFailed, Vector

_log: Final = logging.getLogger("partyline.rag")


class Meaning:
    """What texts mean, as far as the embedding can tell in time."""

    def __init__(
        self,
        embedding: Embedding,
        counts: Counts,
        *,
        question_ms: int,
        remembered: int,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:   question_ms: a question that is not embedded by then is searched by its words.
                remembered: questions whose vectors are kept.
        """
        self._embedding, self._counts = embedding, counts
        self._model = embedding.space.partition("/")[2]
        self._question_s = question_ms / 1_000
        self._memory: Memory[bytes, Vector] = Memory(remembered)
        # One that fails again and again is left alone: each caller would wait for it in vain.
        self._breaker: breaker.Breaker = breaker.Closed()
        self._clock_s = clock_s

    async def of_question(self, text: str) -> Vector | None:
        """Where it lies; None when the embedding fails, is slow, or is left alone since it did."""
        asked = mark_of(text)
        if not asked:
            return None
        known = self._memory.get(asked)
        if known is None and breaker.admits(self._breaker, self._clock_s()):
            known = await self._ask(text)
            if known:
                self._memory.put(asked, known)
        if known is None:
            self._counts.words_only += 1
        return known

    async def of_passages(self, texts: Sequence[str]) -> list[Vector]:
        """Where they lie, in order. Raises EmbeddingFailed."""
        batch = self._embedding.capabilities.batch
        vectors: list[Vector] = []
        for start in range(0, len(texts), batch):
            with use("embeddings", self._embedding.name, self._model):
                vectors += await self._embedding.passages(texts[start : start + batch])
        return vectors

    async def _ask(self, text: str) -> Vector | None:
        self._breaker = breaker.asked(self._breaker, self._clock_s())
        try:
            vector = await self._in_time(text)
        except EmbeddingFailed as failed:
            self._failed(failed.kind, failed.retry_after_s)
        except asyncio.CancelledError:
            self._breaker = breaker.let_go(self._breaker, self._clock_s())
            raise
        else:
            self._breaker = breaker.answered(self._breaker)
            return vector
        return None

    async def _in_time(self, text: str) -> Vector:
        name = self._embedding.name
        with use("embeddings", name, self._model):
            try:
                async with asyncio.timeout(self._question_s):
                    return await self._embedding.question(text)
            except TimeoutError:
                raise EmbeddingFailed(name, "timeout", retryable=True) from None

    def _failed(self, kind: str, again_s: float | None) -> None:
        self._breaker = breaker.failed(self._breaker, kind, self._clock_s(), again_s)
        name = self._embedding.name
        _log.warning("a question is searched by its words alone: %s failed: %s", name, kind)
