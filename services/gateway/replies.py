"""A reply as it comes in: sentences in any order, their pieces in theirs."""

from collections import deque

from services.audio.frames import AgentChunk
from services.gateway.marks import Marks


class Sentence:
    """The sound of one sentence: what waits to be sent, and how much was."""

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.sent_ms = 0
        self.complete = False  # nothing more of it will come
        self.announced = False  # the synthesiser says that all of it was published
        self._newest = -1

    def add(self, chunk: AgentChunk) -> bool:
        """False when it was here before: a sentence synthesised again sends the same pieces."""
        if self.complete or chunk.number <= self._newest:
            return False
        self._newest = chunk.number
        self.waiting.append(chunk.mulaw)
        self.complete = chunk.last
        return True


class Reply:
    """One reply between its first piece and its last confirmed mark."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.marks = Marks()
        self.started = False  # something of it was sent
        self.at = 1  # the sentence being sent
        self.heard = 0  # sentences confirmed to their end
        self.total = 0  # sentences in all; 0: still being written
        self._sentences: dict[int, Sentence] = {}

    def sentence(self, number: int) -> Sentence:
        """That sentence, empty when nothing of it came yet."""
        return self._sentences.setdefault(number, Sentence())

    @property
    def over(self) -> bool:
        """Written, sent and heard to its end."""
        return 0 < self.total <= self.heard

    @property
    def gap(self) -> bool:
        """Whether a later sentence waits, or the present one is said to be complete and is not."""
        present = self.sentence(self.at)
        if present.complete:
            return False
        return present.announced or any(
            number > self.at and (later.waiting or later.complete)
            for number, later in self._sentences.items()
        )
