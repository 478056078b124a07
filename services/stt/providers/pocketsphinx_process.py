"""A PocketSphinx worker as its parent sees it: a child process and the pipes to it."""

import asyncio
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Final

import msgspec

from services.stt.providers.grammar import Grammar
from services.stt.providers.pipes import LENGTH_BYTES, length, pack
from services.stt.providers.pocketsphinx_wire import (
    Asked,
    Load,
    Loaded,
    Refused,
    Understood,
    unpack_answer,
)

_log: Final = logging.getLogger("partyline.stt")
_MODULE: Final = "services.stt.providers.pocketsphinx_worker"
_END_S: Final = 2.0


class Gone(Exception):
    """The worker can't be used, or not for what was asked."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


Answers = asyncio.Queue[Understood | Gone | None]


class WorkerProcess:
    """`ears`: those attending to it, by number."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.ears: Final[dict[int, Answers]] = {}
        self.gone = False
        self._grammars: dict[bytes, int] = {}  # numbers of those that are loaded, by content
        self._loading: dict[int, asyncio.Future[Loaded]] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls) -> "WorkerProcess":
        """Start a worker. It ends with us: it reads from a pipe that only we hold open."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", _MODULE, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    async def load(self, said: Grammar | None) -> int:
        """The number of a grammar the worker is ready for; loaded once. Raises Gone."""
        content = msgspec.msgpack.encode(said)
        if content in self._grammars:
            return self._grammars[content]
        number = len(self._grammars) + 1
        loading = self._loading[number] = asyncio.get_running_loop().create_future()
        self.tell(Load(number, said))
        loaded = await loading
        if loaded.unknown:  # the agent's words, not a caller's
            _log.warning("phrases with words no dictionary has are left out: %s", loaded.unknown)
        self._grammars[content] = number
        return number

    def attend(self, ear: int) -> Answers:
        """Where an ear's answers will come; None ends them."""
        self.ears[ear] = Answers()
        return self.ears[ear]

    def leave(self, ear: int) -> None:
        """The ear wants no more answers."""
        self.ears.pop(ear).put_nowait(None)

    def tell(self, message: Asked) -> None:
        """Send without waiting; the pipe's buffer takes what the worker has not read."""
        if not self.gone and self._process.stdin is not None:
            self._process.stdin.write(pack(message))

    async def close(self) -> None:
        """Close its stdin, at which it ends; kill it when it does not."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_END_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None  # asked for as a pipe
        try:
            while True:
                head = await stdout.readexactly(LENGTH_BYTES)
                self._on_answer(await stdout.readexactly(length(head)))
        except asyncio.IncompleteReadError:
            self._fail()

    def _on_answer(self, body: bytes) -> None:
        match unpack_answer(body):
            case Understood() as understood if understood.ear in self.ears:
                self.ears[understood.ear].put_nowait(understood)
            case Loaded() as loaded if not self._loading[loaded.grammar].done():
                self._loading[loaded.grammar].set_result(loaded)
            case Refused(grammar=number, kind=kind) if not self._loading[number].done():
                self._loading[number].set_exception(Gone(f"grammar refused: {kind}"))
            case _:
                pass  # whoever asked has left

    def _fail(self) -> None:
        """The worker ended, at our wish or not: tell all who wait for it."""
        self.gone = True
        gone = Gone("worker ended")
        for answers in self.ears.values():
            answers.put_nowait(gone)
        for loading in self._loading.values():
            if not loading.done():
                loading.set_exception(gone)
