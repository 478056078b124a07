"""Sound handed over in memory, where who publishes it and who listens share a process.

What a message costs hardly depends on its size, and each call has fifty frames a second. So who
listens in this process gets each piece at once, past the server; what others may still ask the
AUDIO stream for is put together into larger pieces and written when it suits. The listener stays
subscribed, so that publishers elsewhere reach it and nothing is ever switched; what comes back that
way of what was handed over is dropped.

Whoever cannot wait for what is gathered has it published first: see `Handover.flush`.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from nats.aio.subscription import Subscription

_log: Final = logging.getLogger("partyline.nats")
_PIECES: Final = 5  # put together: 200 ms of a caller
_GATHERED_S: Final = 0.2  # at most, should fewer come
_BEHIND_S: Final = 0.4  # a server that takes longer to give a piece back is held up
_DUE: Final = 64  # pieces the server is to give back, of those the newest

OnBytes: TypeAlias = Callable[[bytes], None]
Join: TypeAlias = Callable[[Sequence[bytes]], bytes]


class Ways(NamedTuple):
    """Into NATS; each gets subject and payload."""

    at_once: Callable[[str, bytes], None]
    soon: Callable[[str, bytes], None]
    when_it_suits: Callable[[str, bytes], None]


class _Due(NamedTuple):
    """A piece that the server is to give back to who published it."""

    payload: bytes
    at_s: float
    handed_over: bool


class _Place:
    """A subject that somebody listens to here."""

    def __init__(self, hand_over_soon: "Callable[[_Place, bytes], None]") -> None:
        self.listening: tuple[Listening, ...] = ()
        self._hand_over_soon = hand_over_soon
        self._due: deque[_Due] = deque(maxlen=_DUE)
        self._held_up = False

    def hand_over(self, payload: bytes) -> None:
        """To all; one that fails harms neither the publisher nor the others."""
        for each in self.listening:
            try:
                each.take(payload)
            except Exception as fault:
                _log.error("sound was not heard: %s", type(fault).__name__)

    def expect(self, payload: bytes, *, handed_over: bool) -> None:
        """The server is given this piece, and gives it back."""
        self._due.append(_Due(payload, time.monotonic(), handed_over))

    def is_news(self, payload: bytes) -> bool:
        """Of what the server gives. It keeps the order: what is due before this is lost."""
        if all(due.payload != payload for due in self._due):
            return True
        while (due := self._due.popleft()).payload != payload:
            pass
        return not due.handed_over

    def held_up(self) -> bool:
        """Whether the server is away or stalls: until it has given back nearly all it was given."""
        waited_s = time.monotonic() - self._due[0].at_s if self._due else 0.0
        if waited_s > _BEHIND_S:
            self._held_up = True
        elif self._held_up and waited_s < _BEHIND_S / 2:
            self._held_up = False
            self._hand_over_due()
        return self._held_up

    def _hand_over_due(self) -> None:
        """What comes next is not to overtake what the server still has."""
        due, self._due = self._due, deque(maxlen=_DUE)
        for payload, at_s, handed_over in due:
            if not handed_over:
                self._hand_over_soon(self, payload)
            self._due.append(_Due(payload, at_s, True))


class Handover:
    """Who listens in this process, and what is gathered here."""

    def __init__(self, ways: Ways) -> None:
        self._ways: Final = ways
        self._places: dict[str, _Place] = {}
        self._waiting: list[tuple[_Place, bytes]] = []  # to be handed over
        self.gathering: Final[dict[Sound, None]] = {}

    def listen(self, subject: str, on_bytes: OnBytes) -> "Listening":
        """From now on `on_bytes` gets what is published to exactly this subject here."""
        place = self._places.setdefault(subject, _Place(self.hand_over_soon))
        listening = Listening(self, subject, place, on_bytes)
        place.listening = (*place.listening, listening)
        return listening

    def leave(self, subject: str, leaving: "Listening") -> None:
        """No longer. With the last one goes what is gathered: for who listens next, elsewhere."""
        place = self._places[subject]
        place.listening = tuple(each for each in place.listening if each is not leaving)
        if not place.listening:
            del self._places[subject]
            self.flush(subject)

    def place(self, subject: str) -> _Place | None:
        """None: nobody listens here."""
        return self._places.get(subject)

    def hand_over_soon(self, place: _Place, payload: bytes) -> None:
        """In the loop's next turn, with those of other calls: the log's news never overtakes it."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._hand_over_waiting)
        self._waiting.append((place, payload))

    def _hand_over_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for place, payload in waiting:
            place.hand_over(payload)

    def sound(self, subject: str, join: Join | None) -> "Sound":
        """See Bus.sound."""
        return Sound(self, self._ways, subject, join)

    def flush(self, subject: str = "") -> None:
        """Publish what is gathered, of one subject or of all."""
        for sound in [s for s in self.gathering if subject in ("", s.subject)]:
            sound.flush()


class Listening:
    """One who listens, by the server and in memory."""

    def __init__(self, handover: Handover, subject: str, place: _Place, on_bytes: OnBytes) -> None:
        self._handover, self._subject = handover, subject
        self._place: Final = place
        self.take: Final = on_bytes
        self._here = True
        self.subscription: Subscription | None = None

    def on_bytes(self, payload: bytes) -> None:
        """Take what the server gives."""
        if self._place.is_news(payload):
            self.take(payload)

    def leave(self) -> None:
        """Nothing is handed over any more. Safe to call twice."""
        if self._here:
            self._here = False
            self._handover.leave(self._subject, self)

    async def unsubscribe(self) -> None:
        """Nothing is heard any more. Raises what nats-py's own does."""
        self.leave()
        if self.subscription is not None:
            await self.subscription.unsubscribe()


class Sound:
    """One publisher's way to a subject.

    Where nobody listens here each piece goes to the server, as if there were nothing else. Pieces
    that can be put together go that way, too, while the server is held up: what the log says of
    the caller's speech comes as late, and a listener is not to be far ahead of it.
    """

    def __init__(self, handover: Handover, ways: Ways, subject: str, join: Join | None) -> None:
        self.subject: Final = subject
        self._handover, self._ways, self._join = handover, ways, join
        self._gathered: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def publish(self, payload: bytes) -> None:
        """Let those who listen have it. Never calls them itself, and never waits."""
        place = self._handover.place(self.subject)
        if place is None:
            way = self._ways.soon if self._join else self._ways.at_once
            way(self.subject, payload)
        elif self._join is None:
            self._handover.hand_over_soon(place, payload)
            self._give(payload)
        elif place.held_up():
            self.flush()
            place.expect(payload, handed_over=False)
            self._ways.soon(self.subject, payload)
        else:
            self._handover.hand_over_soon(place, payload)
            self._gather(payload)

    def flush(self) -> None:
        """Publish what is gathered."""
        gathered, self._gathered = self._gathered, []
        self._handover.gathering.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if gathered:
            joined = self._join(gathered) if self._join and len(gathered) > 1 else gathered[0]
            self._give(joined)

    def _gather(self, payload: bytes) -> None:
        self._gathered.append(payload)
        if len(self._gathered) == _PIECES:
            self.flush()
        elif self._timer is None:
            self._handover.gathering[self] = None
            self._timer = asyncio.get_running_loop().call_later(_GATHERED_S, self.flush)

    def _give(self, payload: bytes) -> None:
        place = self._handover.place(self.subject)
        if place is None:  # the last one has just left: another may be waiting
            self._ways.at_once(self.subject, payload)
        else:
            place.expect(payload, handed_over=True)
            self._ways.when_it_suits(self.subject, payload)
