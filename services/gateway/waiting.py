"""A caller who waits for what is held up is told so, again and again, until it comes.

A log that elects a new leader takes no event for seconds; a call whose host died, or was never
given one, is hosted again seconds later; a sentence whose synthesiser died comes from another one.
What was sent to the carrier plays on, but nothing new can be said
meanwhile, and nobody else can tell the caller.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from infra.cancelling import stop_if_cancelled

WONDER_MS: Final = 500  # of silence while an answer is due, before a caller wonders
_PAUSE_S: Final = 0.7  # between two phrases
_LOOK_S: Final = 0.35  # how late it may be noticed that the sound is over, or an answer held up
_TRUSTED_S: Final = 20.0  # with nothing held up for so long, nothing is waited for any more
_WAKE_S: Final = 5.0  # after a hold-up: what it held up is still to be made good


class Means(NamedTuple):
    """What a wait is watched by."""

    answers: Callable[[], Awaitable[bool]]  # false: what the caller waits for is held up
    audible: Callable[[], bool]  # whether anybody speaks just now
    hold: Callable[[], float]  # speak the phrase; how long it lasts, in seconds


class Waiting:
    """One line's waits. `after_s`: how long a caller waits without wondering."""

    def __init__(
        self, means: Means, after_s: float = WONDER_MS / 1000, wake_s: float = _WAKE_S
    ) -> None:
        """`wake_s`: how long after a hold-up an answer may still be held up by it."""
        self._means, self._after_s, self._wake_s = means, after_s, wake_s
        self.watching: asyncio.Task[None] | None = None  # while the wait lasts
        self._doubted_until_s = 0.0

    def begin(self, before_s: float = 0.0) -> None:
        """It is the agent's turn, in so many seconds. Told again, the wait begins anew."""
        self.end()
        self.watching = asyncio.create_task(self._watch(before_s + self._after_s))

    def held_up(self) -> None:
        """What the caller waits for, or may wait for, is known to be held up: tell them at once."""
        self._doubt()
        if self.watching is None or self.watching.done():
            self.watching = asyncio.create_task(self._watch(0.0))

    def end(self) -> None:
        """The caller has heard the agent, or speaks, or is gone."""
        if self.watching is not None:
            self.watching.cancel()
            self.watching = None

    async def _watch(self, wait_s: float) -> None:
        """Also after the log is back, for a while: what is waited for is still to come."""
        trusted_s, silent = 0.0, True
        while trusted_s < _TRUSTED_S:
            await asyncio.sleep(wait_s)
            if self._means.audible():
                trusted_s, silent, wait_s = 0.0, False, _LOOK_S
            elif not silent:
                silent, wait_s = True, self._after_s
            elif await self._answers():
                wait_s = _LOOK_S
                trusted_s += wait_s
            elif not self._means.audible():  # since it was asked
                trusted_s, wait_s = 0.0, self._means.hold() + _PAUSE_S

    async def _answers(self) -> bool:
        """Not so for a while after a hold-up: there may be much to make good."""
        answers = await self._means.answers()
        stop_if_cancelled()
        if not answers:
            self._doubt()
        return answers and time.monotonic() >= self._doubted_until_s

    def _doubt(self) -> None:
        self._doubted_until_s = time.monotonic() + self._wake_s
