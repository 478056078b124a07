"""A Whisper worker as its parent sees it: a child process and the pipes to it."""

import asyncio
import itertools
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any, Final

from services.stt.providers.pipes import LENGTH_BYTES, length, pack
from services.stt.providers.whisper_doubt import Segment
from services.stt.providers.whisper_wire import (
    Asked,
    Forget,
    Ready,
    Refused,
    Transcribe,
    Understood,
    Unusable,
    unpack_answer,
)

_MODULE: Final = "services.stt.providers.whisper_worker"
_END_S: Final = 2.0
_OFFLINE: Final = {"HF_HUB_OFFLINE": "1"}  # a folder that lacks something is not filled up


class Gone(Exception):
    """The worker can't be used, or not for what was asked."""

    def __init__(self, kind: str, *, retryable: bool) -> None:
        super().__init__(kind)
        self.kind, self.retryable = kind, retryable


class WhisperProcess:
    """`languages`: those its model knows, ISO 639-1."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.languages: tuple[str, ...] = ()
        self.gone = False
        self._numbers = itertools.count(1)
        self._awaited: dict[int, asyncio.Future[tuple[Segment, ...]]] = {}
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, folder: Path, threads: int) -> "WhisperProcess":
        """Start a worker and wait for its model. It ends with us. Raises Gone."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", _MODULE, str(folder), str(threads)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=os.environ | _OFFLINE,
        )
        worker = cls(process)
        try:
            await worker._load()
        except BaseException:
            await worker.close()
            raise
        return worker

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    async def transcribe(
        self, mulaw: bytes, language: str, options: dict[str, Any]
    ) -> tuple[Segment, ...]:
        """The words of an utterance; cancelled, it is taken back. Raises Gone."""
        if self.gone:
            raise Gone("worker ended", retryable=True)
        number = next(self._numbers)
        words: asyncio.Future[tuple[Segment, ...]] = asyncio.get_running_loop().create_future()
        self._awaited[number] = words
        self._tell(Transcribe(number, mulaw, language, options))
        try:
            return await words
        except asyncio.CancelledError:
            self._tell(Forget(number))
            raise
        finally:
            self._awaited.pop(number, None)

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
        if self._reading:
            await self._reading

    async def _load(self) -> None:
        try:
            answer = unpack_answer(await self._answer())
        except asyncio.IncompleteReadError:
            raise Gone("worker ended", retryable=True) from None
        match answer:
            case Ready(languages=languages):
                self.languages = languages
                self._reading = asyncio.create_task(self._read())
            case Unusable(kind=kind):
                raise Gone(kind, retryable=False)
            case _:
                raise Gone("worker garbled", retryable=True)

    def _tell(self, message: Asked) -> None:
        """Send without waiting; the pipe's buffer takes what the worker has not read."""
        if not self.gone and self._process.stdin is not None:
            self._process.stdin.write(pack(message))

    async def _answer(self) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None  # asked for as a pipe
        return await stdout.readexactly(length(await stdout.readexactly(LENGTH_BYTES)))

    async def _read(self) -> None:
        try:
            while True:
                self._on_answer(await self._answer())
        except asyncio.IncompleteReadError:
            self._fail()

    def _on_answer(self, body: bytes) -> None:
        match unpack_answer(body):
            case Understood(number=number, segments=segments) if number in self._awaited:
                self._awaited.pop(number).set_result(segments)
            case Refused(number=number) if number in self._awaited:
                self._awaited.pop(number).set_exception(Gone("refused", retryable=False))
            case _:
                pass  # whoever asked has left

    def _fail(self) -> None:
        """The worker ended, at our wish or not: tell all who wait for it."""
        self.gone = True
        awaited, self._awaited = self._awaited, {}
        for words in awaited.values():
            words.set_exception(Gone("worker ended", retryable=True))
