"""Calls in the making: they have rung, and their line is not up yet. Only so many are at a time.

What a call costs is felt once it talks, so without this a second's stampede is let in whole before
anything is late. A machine that is slow to bring lines up takes rings as slowly.
"""

import asyncio
from typing import Final

FORGOTTEN_S: Final = 3.0  # the line came up elsewhere, or never will


class Making:
    """So many places. A ring `begin`s and its line is `done`; nobody else gives the place back."""

    def __init__(self, most: int) -> None:
        self._places = asyncio.Semaphore(most)
        self._taken: dict[str, asyncio.TimerHandle] = {}  # by the carrier's id of the call

    async def begin(self, carrier_call: str, within_s: float) -> None:
        """Wait for a place, in the order of coming. Raises TimeoutError."""
        if carrier_call in self._taken:
            return
        async with asyncio.timeout(within_s):
            await self._places.acquire()
        if carrier_call in self._taken:  # the carrier asked again meanwhile
            self._places.release()
            return
        loop = asyncio.get_running_loop()
        self._taken[carrier_call] = loop.call_later(FORGOTTEN_S, self.done, carrier_call)

    def done(self, carrier_call: str) -> None:
        """Its line is up, or nothing comes of it. Twice is harmless."""
        if timer := self._taken.pop(carrier_call, None):
            timer.cancel()
            self._places.release()
