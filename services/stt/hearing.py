"""One call's ear, kept open: a failed one is replaced and given the present turn again."""

import asyncio
import logging
from typing import Final, Protocol

from contracts.agent import Agent
from services.stt.provider import Ear, Heard, RecognitionFailed, SpeechToText

_log: Final = logging.getLogger("partyline.stt")
_FIRST_WAIT_S: Final = 0.5  # before a new ear is tried, doubled each time
_LONGEST_WAIT_S: Final = 8.0
_OPEN_S: Final = 10.0
_FINAL_S: Final = 5.0  # from the end of a turn to its words: longer counts as failed


class Listener(Protocol):
    """Whoever wants to know what the ear hears."""

    def on_heard(self, heard: Heard) -> None: ...

    def on_deaf(self, *, again: bool) -> None:
        """The ear failed. `again`: the next one is given the newest turn once more."""
        ...

    def on_open(self) -> None:
        """An ear is ready and has heard nothing: give it the present turn."""
        ...


class Hearing:
    """Feed it as if it never failed. What is fed while no ear is open is left out.

    `down`: the provider failed twice in a row; nothing is understood until an ear opens again.
    """

    def __init__(self, provider: SpeechToText, agent: Agent, listener: Listener) -> None:
        self._provider, self._agent, self._listener = provider, agent, listener
        self._ear: Ear | None = None
        self._patience: asyncio.Timeout | None = None
        self._awaited = 0  # finals due
        self._failures = 0  # in a row
        self.down = False
        self.tried: Final = asyncio.Event()  # the first ear is open, or could not be opened

    @property
    def open(self) -> bool:
        """An ear takes frames."""
        return self._ear is not None

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
        self._patience.reschedule(asyncio.get_running_loop().time() + _FINAL_S)

    async def run(self) -> None:
        """Keep an ear open until cancelled."""
        while True:
            try:
                await self._hear_until_it_fails()
            except RecognitionFailed as failed:
                _log.warning("recogniser %s: %s", failed.provider, failed.kind)
                self._failed(retryable=failed.retryable)
            await asyncio.sleep(self._wait_s())

    def _failed(self, *, retryable: bool) -> None:
        self.tried.set()
        self._failures += 1
        again = retryable and self._failures == 1
        self.down = not again
        self._listener.on_deaf(again=again)

    def _wait_s(self) -> float:
        """No wait before the first new try, then 0.5, 1, 2, 4, 8, 8... seconds."""
        if not self.down:
            return 0.0
        return min(_FIRST_WAIT_S * 2.0 ** min(self._failures - 1, 10), _LONGEST_WAIT_S)

    async def _hear_until_it_fails(self) -> None:
        ear = await self._open()
        try:
            async with asyncio.timeout(None) as self._patience:
                self._ear, self._awaited = ear, 0
                self._listener.on_open()
                self.tried.set()
                async for heard in ear.heard():
                    self._on_heard(heard)
        except TimeoutError:
            raise RecognitionFailed(self._provider.name, "no answer", retryable=True) from None
        finally:
            self._ear = None
            await ear.close()
        raise RecognitionFailed(self._provider.name, "ended by itself", retryable=True)

    async def _open(self) -> Ear:
        try:
            async with asyncio.timeout(_OPEN_S):
                return await self._provider.open(self._agent, self._agent.languages[0])
        except TimeoutError:
            raise RecognitionFailed(self._provider.name, "not opened", retryable=True) from None

    def _on_heard(self, heard: Heard) -> None:
        self.down = False
        if heard.final:
            self._failures = 0
            self._awaited = max(0, self._awaited - 1)
            if not self._awaited and self._patience is not None:
                self._patience.reschedule(None)
        self._listener.on_heard(heard)
