"""An embedding as a worker uses it: questions have a deadline and a memory, passages patience."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from services.rag.counts import Counts
from services.rag.memory import Memory, normalised
from services.rag.provider import Embedding, EmbeddingFailed, Vector

_log: Final = logging.getLogger("partyline.rag")
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0


class Meaning:
    """What texts mean, as far as the embedding can tell in time."""

    def __init__(
        self, embedding: Embedding, counts: Counts, *, question_ms: int, remembered: int
    ) -> None:
        """
        Args:   question_ms: a question that is not embedded by then is searched by its words.
                remembered: questions whose vectors are kept.
        """
        self._embedding, self._counts = embedding, counts
        self._question_s = question_ms / 1_000
        self._memory: Memory[str, Vector] = Memory(remembered)
        self._pause_s = _FIRST_PAUSE_S
        self._left_alone_until_s = 0.0  # by the loop's clock

    async def of_question(self, text: str) -> Vector | None:
        """Where it lies; None when the embedding fails, is slow, or just did and is left alone."""
        asked = normalised(text)
        if not asked:
            return None
        known = self._memory.get(asked)
        if known is None and asyncio.get_running_loop().time() >= self._left_alone_until_s:
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
            vectors += await self._embedding.passages(texts[start : start + batch])
        return vectors

    async def _ask(self, text: str) -> Vector | None:
        try:
            async with asyncio.timeout(self._question_s):
                vector = await self._embedding.question(text)
        except TimeoutError:
            self._leave_alone("timeout", None)
        except EmbeddingFailed as failed:
            self._leave_alone(failed.kind, failed.retry_after_s)
        else:
            self._pause_s = _FIRST_PAUSE_S
            return vector
        return None

    def _leave_alone(self, kind: str, again_s: float | None) -> None:
        """Ask nothing for a while: each caller would wait for the deadline in vain."""
        pause_s = max(self._pause_s, again_s or 0.0)
        self._left_alone_until_s = asyncio.get_running_loop().time() + pause_s
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        _log.warning(
            "embedding by %s failed: %s; questions are searched by their words for %.0f s",
            *(self._embedding.name, kind, pause_s),
        )
