"""Question -> passages: from memory, or by words and meaning."""

from collections import Counter
from typing import Final, NamedTuple

from contracts.passages import Passage
from services.rag.counts import Counts
from services.rag.meaning import Meaning
from services.rag.memory import Memory, mark_of
from services.rag.store import Shelf, Store


class _Asked(NamedTuple):
    """What was asked, of which state of the shelf."""

    shelf: Shelf
    change: int
    question: bytes  # its mark
    limit: int


class Finder:
    """Searches, and remembers what it found until the shelf changes."""

    def __init__(
        self, store: Store, counts: Counts, meaning: Meaning | None = None, *, remembered: int
    ) -> None:
        """`remembered`: answers kept, of all shelves together; 0: none."""
        self._store, self._counts, self._meaning = store, counts, meaning
        self._memory: Memory[_Asked, tuple[Passage, ...]] = Memory(remembered)
        self._changes: Final[Counter[Shelf]] = Counter()

    def changed(self, shelf: Shelf) -> None:
        """Forget what was found there. A search under way is not remembered either."""
        self._changes[shelf] += 1  # older answers are never asked for again, and fall out

    async def find(self, shelf: Shelf, question: str, limit: int) -> tuple[Passage, ...]:
        """The best passages, as the store gives them. Raises what the store raises."""
        asked = _Asked(shelf, self._changes[shelf], mark_of(question), limit)
        known = self._memory.get(asked)
        if known is not None:
            self._counts.remembered += 1
            return known
        meaning = await self._meaning.of_question(question) if self._meaning else None
        found = tuple(await self._store.search(shelf, question, limit, meaning))
        if meaning is not None or self._meaning is None:  # or words alone would be remembered
            self._memory.put(asked, found)
        return found
