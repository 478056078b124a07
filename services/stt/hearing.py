"""One call's ear, kept open: a failed one is replaced and given the present turn again.

The replacement is of the next recogniser of the agent's chain, where there is one.
"""

import asyncio
import logging
from typing import Final, NamedTuple, Protocol

from contracts.event import Stage
from services.stt.ears import Ears
from services.stt.provider import Capabilities, Ear, Heard, RecognitionFailed

_log: Final = logging.getLogger("partyline.stt")
_FIRST_WAIT_S: Final = 0.5  # before a new ear is tried, doubled each time
_LONGEST_WAIT_S: Final = 8.0
_OPEN_S: Final = 10.0  # where no other recogniser is left; else as the agent has it
_FINAL_S: Final = 5.0  # from the end of a turn to its words: longer counts as failed; so, too


class Switched(NamedTuple):
    """Another recogniser is about to listen."""

    from_name: str
    to_name: str
    capabilities: Capabilities  # of the other one
    kind: str
    stage: Stage
    wait_ms: float  # that the one left was waited for in vain


class Listener(Protocol):
    """Whoever wants to know what the ear hears."""

    def on_heard(self, heard: Heard) -> None: ...

    def on_deaf(self, *, again: bool) -> None:
        """The ear failed. `again`: the next one is given the newest turn once more."""
        ...

    def on_switch(self, switched: Switched) -> None:
        """What comes next will be heard by another recogniser."""
        ...

    def on_open(self) -> None:
        """An ear is ready and has heard nothing: give it the present turn."""
        ...


class Hearing:
    """Feed it as if it never failed. What is fed while no ear is open is left out.

    `down`: all recognisers failed in a row, the only one twice; nothing is understood until an ear
    opens again.
    """

    def __init__(self, ears: Ears, listener: Listener) -> None:
        self._ears, self._listener = ears, listener
        self._ear: Ear | None = None
        self._patience: asyncio.Timeout | None = None
        self._awaited = 0  # finals due
        self._opened = False  # the present ear, ever
        self._asked_s = 0.0  # when it was last asked for something
        self._drafted = False  # it has said something of the present turn
        self._failures = 0  # in a row
        self._closing: set[asyncio.Task[None]] = set()  # ears that are let go of
        self.down = False
        self.tried: Final = asyncio.Event()  # the first ear is open, or could not be opened

    @property
    def open(self) -> bool:
        """An ear takes frames."""
        return self._ear is not None

    @property
    def name(self) -> str:
        """The present recogniser's."""
        return self._ears.present.name

    @property
    def capabilities(self) -> Capabilities:
        """The present recogniser's."""
        return self._ears.present.provider.capabilities

    def feed(self, frame: bytes) -> None:
        """Give the next 20 ms of mu-law."""
        if self._ear is not None:
            self._ear.feed(frame)

    def finish(self) -> None:
        """Ask for the final words of the turn."""
        if self._ear is None or self._patience is None or self._patience.expired():
            return  # it is asked again when the next ear is open
        self._ear.finish()
        self._awaited += 1
        self._asked_s = _now_s()
        final_s = self._ears.waits.first_ms / 1000 if self._ears.another else _FINAL_S
        self._patience.reschedule(self._asked_s + final_s)

    async def run(self) -> None:
        """Keep an ear open until cancelled."""
        try:
            while True:
                try:
                    await self._hear_until_it_fails()
                except RecognitionFailed as failed:
                    _log.warning("recogniser %s: %s", failed.provider, failed.kind)
                    self._failed(failed)
                await asyncio.sleep(self._wait_s())
        finally:
            self._ears.let_go()
            if self._closing:
                await asyncio.wait(self._closing)

    def _failed(self, failed: RecognitionFailed) -> None:
        self.tried.set()
        self._failures += 1
        again = self._ears.another is not None or (failed.retryable and self._failures == 1)
        self.down = not again
        self._listener.on_deaf(again=again)
        left, stage, wait_ms = self._ears.present, self._stage, self._waited_ms
        self._ears.failed(failed)
        if (following := self._ears.present) is not left:
            capabilities = following.provider.capabilities
            switched = (left.name, following.name, capabilities, failed.kind, stage, wait_ms)
            self._listener.on_switch(Switched(*switched))

    @property
    def _stage(self) -> Stage:
        if not self._opened:
            return "connect"
        return "amid" if self._drafted else "first"

    @property
    def _waited_ms(self) -> float:
        if self._opened and not self._awaited:
            return 0.0
        return round((_now_s() - self._asked_s) * 1000, 3)

    def _wait_s(self) -> float:
        """No wait before the first new try, then 0.5, 1, 2, 4, 8, 8... seconds."""
        if not self.down:
            return 0.0
        return min(_FIRST_WAIT_S * 2.0 ** min(self._failures - 1, 10), _LONGEST_WAIT_S)

    async def _hear_until_it_fails(self) -> None:
        ear = await self._open()
        try:
            async with asyncio.timeout(None) as self._patience:
                self._ear, self._opened, self._awaited, self._drafted = ear, True, 0, False
                self._listener.on_open()
                self.tried.set()
                async for heard in ear.heard():
                    self._on_heard(heard)
        except TimeoutError:
            raise RecognitionFailed(self.name, "timeout", retryable=True) from None
        finally:
            self._ear = None
            self._close(ear)
        raise RecognitionFailed(self.name, "disconnected", retryable=True)

    async def _open(self) -> Ear:
        self._opened, self._asked_s = False, _now_s()
        present = self._ears.present
        open_s = self._ears.waits.connect_ms / 1000 if self._ears.another else _OPEN_S
        self._ears.asked()
        try:
            async with asyncio.timeout(open_s):
                return await present.provider.open(present.agent, present.agent.languages[0])
        except TimeoutError:
            raise RecognitionFailed(self.name, "timeout", retryable=True) from None

    def _close(self, ear: Ear) -> None:
        """Not awaited: one whose vendor stalls takes its time, and the next is wanted at once."""
        closing = asyncio.create_task(ear.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _on_heard(self, heard: Heard) -> None:
        self.down, self._drafted = False, not heard.final
        if heard.final:
            self._failures = 0
            self._ears.understood()
            self._awaited = max(0, self._awaited - 1)
            if not self._awaited and self._patience is not None:
                self._patience.reschedule(None)
        self._listener.on_heard(heard)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
