"""A reply as it comes in: sentences in any order, their pieces in theirs."""

from bisect import bisect_right
from collections import deque

from services.audio.frames import AgentChunk
from services.gateway.marks import Marks


class Sentence:
    """The sound of one sentence: what waits to be sent, and how much was.

    Several workers may speak it, one after another died or side by side when one was only held up;
    each begins at the beginning. Every byte of the sentence is taken once, from whoever brings it
    first. A voice that never says a sentence twice alike leaves a splice where one takes over.
    """

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.sent_ms = 0
        self.complete = False  # nothing more of it will come
        self.announced = False  # the synthesiser says that all of it was published
        self.word_ends_ms: tuple[int, ...] = ()  # within the sentence; empty: not known
        self.written_ms = 0  # UNIX time at which the actor was known to have written it; 0: unknown
        self._taken_bytes = 0  # from its beginning, without a hole
        self._behind: dict[int, AgentChunk] = {}  # a hole: what came out of turn, by its start

    @property
    def holed(self) -> bool:
        """Whether something is missing that comes before what is here."""
        return bool(self._behind)

    @property
    def taken_bytes(self) -> int:
        """How much of it came, from its beginning and without a hole."""
        return self._taken_bytes

    def words_in(self, played_ms: int) -> int | None:
        """How many of its words end within so much of it; None: their times are not known.

        A synthesiser tells them when it has published all of the sentence: of one that is cut
        before, nothing is known.
        """
        return bisect_right(self.word_ends_ms, played_ms) if self.word_ends_ms else None

    def add(self, chunk: AgentChunk) -> bool:
        """Take what lies beyond all that was taken. False when nothing does.

        A piece behind a hole is kept: what is missing comes, when another worker speaks the
        sentence, or the same one sends it again after its connection broke.
        """
        if self.complete:
            return False
        if chunk.start_bytes > self._taken_bytes:
            return self._behind.setdefault(chunk.start_bytes, chunk) is chunk
        news = self._take(chunk)
        self._close_up()
        return news or self.complete

    def pass_over(self) -> None:
        """What is missing never comes: go on behind the hole, or else behind the sentence."""
        if self._behind:
            self._taken_bytes = min(self._behind)
            self._close_up()
        else:
            self.complete = True

    def _take(self, chunk: AgentChunk) -> bool:
        """Whether there was anything new in it."""
        news = chunk.mulaw[self._taken_bytes - chunk.start_bytes :]
        self.complete = chunk.last
        if news:
            self.waiting.append(news)
            self._taken_bytes += len(news)
        return bool(news)

    def _close_up(self) -> None:
        """Take what is no longer behind a hole."""
        while self._behind and not self.complete and min(self._behind) <= self._taken_bytes:
            self._take(self._behind.pop(min(self._behind)))
        if self.complete:
            self._behind.clear()


class Reply:
    """One reply between its first piece and its last confirmed mark."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.marks = Marks()
        self.started = False  # something of it was sent
        self.at = 1  # the sentence being sent
        self.heard = 0  # sentences confirmed to their end
        self.total = 0  # sentences in all; 0: still being written
        self.left_out = 0  # the first sentence of which something never came; 0: none
        self.left_out_ms = 0  # how much of that one was sent before
        self._sentences: dict[int, Sentence] = {}

    def sentence(self, number: int) -> Sentence:
        """That sentence, empty when nothing of it came yet."""
        return self._sentences.setdefault(number, Sentence())

    @property
    def over(self) -> bool:
        """Written, sent and heard to its end."""
        return 0 < self.total <= self.heard

    @property
    def confirmed(self) -> int:
        """The sentences that were heard without anything left out up to there."""
        return min(self.heard, self.left_out - 1) if self.left_out else self.heard

    def pass_over(self) -> None:
        """What is missing of the sentence being sent never comes."""
        present = self.sentence(self.at)
        if not self.left_out:
            self.left_out, self.left_out_ms = self.at, present.sent_ms
        present.pass_over()

    @property
    def lacking(self) -> bool:
        """Whether something of the sentence being sent was published and did not come."""
        present = self.sentence(self.at)
        return not present.complete and (present.announced or present.holed)

    @property
    def gap(self) -> bool:
        """Whether a later sentence waits, or the present one is said to be complete and is not,
        or has a hole."""
        if self.sentence(self.at).complete:
            return False
        return self.lacking or any(
            number > self.at and (later.waiting or later.complete)
            for number, later in self._sentences.items()
        )
