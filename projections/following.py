"""The calls a runner follows: what it has of them in memory, and how a batch changes them."""

from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from contracts.line import LineRang
from contracts.outcome import CallErased
from contracts.recorded import Recorded
from infra.postgres import Connection
from projections.call_fold import CallFold, Readers, Refused, folded
from projections.generations import Generation
from projections.parking import parked_calls
from projections.past import LetGo
from projections.reading import Place, Stored

_MOST_CALLS: Final = 1_000  # in memory; another one is made again from the log when it goes on
_ENDED_CALLS: Final = 100  # of them: most have a word or two left, and a long one is dear to read

History = Callable[[Place], Awaitable[Sequence[Stored]]]
"""All messages of a call in stored order. Raises LogAway."""


class Taken(NamedTuple):
    """What a batch did."""

    folds: list[CallFold]  # of the calls it was about
    refused: list[Refused]
    skipped: Counter[tuple[str, Place]]  # messages left out, by projection and parked call

    def add(self, other: "Taken") -> None:
        """And what was done besides."""
        self.folds.extend(other.folds)
        self.refused.extend(other.refused)
        self.skipped.update(other.skipped)


class FollowedCalls:
    """Calls by their place. Each is known up to its newest message that was taken."""

    def __init__(self, generations: Sequence[Generation], history: History) -> None:
        self._generations, self.history = tuple(generations), history
        self._names = {each.name for each in generations}
        self._readers = Readers(each.projection for each in generations)
        self._calls: OrderedDict[Place, CallFold] = OrderedDict()
        self._ended: OrderedDict[Place, None] = OrderedDict()  # of those, the newest last

    @property
    def rows_held(self) -> int:
        """Rows and notes in memory, of all calls."""
        return sum(rows.held for fold in self._calls.values() for rows in fold.rows.values())

    async def take(self, db: Connection, batch: Sequence[Stored]) -> Taken:
        """Fold a batch in. Raises LogAway."""
        by_call: dict[Place, list[Stored]] = {}
        for stored in batch:
            by_call.setdefault(Place(stored.tenant, stored.call), []).append(stored)
        await self._load(db, {place: messages[0] for place, messages in by_call.items()})
        taken = Taken([], [], Counter())
        for place, messages in by_call.items():
            taken.add(await self._taken_in(place, messages))
        return taken

    async def _taken_in(self, place: Place, messages: list[Stored]) -> Taken:
        fold = self._calls[place]
        left = self._names - fold.rows.keys()
        try:
            return await self._fold(fold, messages)
        except LetGo:  # a late word about a turn long past
            history = await self._before(place, messages[0].sequence)
            fold, _ = folded(place, self._readers, history, left)
            fold.settle()
            self._calls[place] = fold
            return await self._fold(fold, messages)

    async def _fold(self, fold: CallFold, messages: list[Stored]) -> Taken:
        taken = Taken([fold], [], Counter())
        missing = self._names - fold.rows.keys()
        for name in missing:
            taken.skipped[name, fold.place] += len(messages)
        for place, stored in enumerate(messages):
            for refused in fold.take(stored):
                taken.refused.append(refused)
                left = len(messages) - place - 1
                if left:
                    taken.skipped[refused.projection, fold.place] += left
                await self._put_back(fold, refused)
        if any(_is_erasure(stored) for stored in messages):
            await self._make_anew(fold)
        return taken

    async def _make_anew(self, fold: CallFold) -> None:
        """The call was erased: its rows are to be as the log reads now, the parked ones too."""
        history = await self._before(fold.place, fold.last + 1)
        anew, refused = folded(fold.place, self._readers, history)
        fold.make_anew(anew)
        for each in refused:
            await self._put_back(fold, each)

    async def _put_back(self, fold: CallFold, refused: Refused) -> None:
        """Let the rows be as they were before the message: it may have changed some already."""
        history = await self._before(fold.place, refused.sequence)
        others = self._names - {refused.projection}
        before, _ = folded(fold.place, self._readers, history, others)
        if rows := before.rows.get(refused.projection):
            fold.left[refused.projection] = rows

    async def _load(self, db: Connection, first: dict[Place, Stored]) -> None:
        new = [place for place in first if place not in self._calls]
        parked = await parked_calls(db, self._generations, new) if new else {}
        for place in new:
            begins = _is_ring(first[place])
            history = [] if begins else await self._before(place, first[place].sequence)
            without = parked.get(place, set())
            self._calls[place], _ = folded(place, self._readers, history, without)
            self._calls[place].settle()

    async def _before(self, place: Place, sequence: int) -> list[Stored]:
        return [stored for stored in await self.history(place) if stored.sequence < sequence]

    def settle(self, taken: Taken) -> None:
        """What was taken is stored. Calls that have been over for a while are forgotten."""
        for fold in taken.folds:
            fold.settle()
            if fold.place in self._calls:
                self._calls.move_to_end(fold.place)
                if fold.over:
                    self._ended[fold.place] = None
        while len(self._ended) > _ENDED_CALLS:
            self._calls.pop(self._ended.popitem(last=False)[0], None)
        while len(self._calls) > _MOST_CALLS:
            place, _ = self._calls.popitem(last=False)
            self._ended.pop(place, None)

    def forget(self) -> None:
        """Make all calls again from the log, as they go on."""
        self._calls.clear()
        self._ended.clear()


def _is_erasure(stored: Stored) -> bool:
    return isinstance(stored, Recorded) and any(
        isinstance(event, CallErased) for event in stored.message.events
    )


def _is_ring(stored: Stored) -> bool:
    """Whether nothing of the call stands before it."""
    return isinstance(stored, Recorded) and any(
        isinstance(event, LineRang) for event in stored.message.events
    )
