"""Calls side by side: the order in which a log would have taken in their messages."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from loadtest.generating.history import Placing, Told


class Next(NamedTuple):
    """A message that is due."""

    call: Placing
    place: int  # in its call, from 0

    @property
    def told(self) -> Told:
        """The message."""
        return self.call.history.messages[self.place]


class _GoingOn(NamedTuple):
    due_ms: int  # by the clock of all calls together
    number: int  # so that equal times have an order
    began_ms: int
    next: Next


def mixed(calls: Iterable[Placing], at_once: int) -> Iterator[Next]:
    """The messages of all calls, each call's in its own order.

    A call that is over makes room for the next one, so `at_once` go on until the end.
    """
    waiting = enumerate(calls)
    going_on = [_begun(0, *each) for each in islice(waiting, at_once)]
    while going_on:
        newest = going_on[0]
        yield newest.next
        if (later := _later(newest)) is not None:
            heapq.heapreplace(going_on, later)
        elif (another := next(waiting, None)) is not None:
            heapq.heapreplace(going_on, _begun(newest.due_ms, *another))
        else:
            heapq.heappop(going_on)


def _begun(now_ms: int, number: int, call: Placing) -> _GoingOn:
    return _GoingOn(now_ms, number, now_ms, Next(call, 0))


def _later(before: _GoingOn) -> _GoingOn | None:
    """The call's next message; None: that was its last."""
    call, place = before.next.call, before.next.place + 1
    history = call.history
    if place == len(history.messages):
        return None
    due_ms = before.began_ms + history.messages[place].at_ms - history.rang_ms
    return before._replace(due_ms=due_ms, next=Next(call, place))
