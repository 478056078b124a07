"""Our side of `speech_process` and its like: a few such processes, shared by all calls."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

import numpy as np

from services.audio import mulaw
from services.audio.resample import LiveResampler
from services.tts.provider import SynthesisError
from services.tts.providers import speech_process as wire

PROCESSES: Final = 2
BARE: Final = ("-I", "-S", str(Path(__file__).with_name("speech_process.py")))
_START_S: Final = 10.0
_ANSWER_S: Final = 10.0  # a library that is silent for longer is stuck
_STOP_S: Final = 2.0
_GONE: Final = (asyncio.IncompleteReadError, ConnectionError)


class Processes:
    """Speaks texts, at most `processes` at once; starts processes when needed and after crashes."""

    def __init__(
        self,
        name: str,
        arguments: tuple[str, ...],
        *,
        gain: float,
        processes: int = PROCESSES,
        program: tuple[str, ...] = BARE,
    ) -> None:
        """`gain` multiplies the library's amplitude, to make it as loud as a telephone voice.

        `program`: Python's own arguments, to which `arguments` are added.
        """
        self._name, self._command, self._gain = name, (*program, *arguments), gain
        self._slots = asyncio.Semaphore(processes)
        self._idle: list[_Process] = []
        self._settling: set[asyncio.Task[None]] = set()

    async def speak(self, text: str, voice: str, speed_wpm: int) -> AsyncGenerator[bytes]:
        """Mu-law of 8 kHz as it comes; closing early stops the library. Raises SynthesisError."""
        await self._slots.acquire()
        process, finished = self._idle.pop() if self._idle else _Process(), False
        try:
            resampler = None
            async for pcm in self._spoken(process, text, voice, speed_wpm):
                resampler = resampler or LiveResampler(process.rate_hz)
                yield self._telephone(resampler, pcm)
            if resampler:
                yield self._telephone(resampler, b"", last=True)
            finished = True
        except TimeoutError:
            raise SynthesisError(self._name, "stuck", retryable=True) from None
        except _GONE:
            raise SynthesisError(self._name, "crashed", retryable=True) from None
        except wire.Refused as refused:
            finished = True
            raise SynthesisError(self._name, str(refused), retryable=False) from None
        finally:
            self._give_back(process, finished)

    async def close(self) -> None:
        """End all processes."""
        if self._settling:
            await asyncio.wait(self._settling)
        idle, self._idle = self._idle, []
        for process in idle:
            await process.stop()

    async def _spoken(
        self, process: "_Process", text: str, voice: str, speed_wpm: int
    ) -> AsyncGenerator[bytes]:
        """PCM. A process that died while it was idle is replaced, and nobody notices."""
        was_idle, heard = process.started, False
        if not was_idle:
            await process.start(self._command)
        try:
            async for pcm in process.speak(text, voice, speed_wpm):
                heard = True
                yield pcm
        except _GONE:
            if heard or not was_idle:
                raise
            await process.start(self._command)
            async for pcm in process.speak(text, voice, speed_wpm):
                yield pcm

    def _telephone(self, resampler: LiveResampler, pcm: bytes, *, last: bool = False) -> bytes:
        loud = np.frombuffer(pcm, np.int16) * np.float32(self._gain)
        louder = np.clip(loud, -32768, 32767).astype("<i2").tobytes()
        return mulaw.encode(resampler.feed(louder, last=last))

    def _give_back(self, process: "_Process", finished: bool) -> None:
        if finished:
            self._idle.append(process)
            self._slots.release()
        else:  # whoever gave up does not wait until the library has
            task = asyncio.create_task(self._settle(process))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    async def _settle(self, process: "_Process") -> None:
        try:
            async with asyncio.timeout(_STOP_S):
                await process.give_up()
            self._idle.append(process)
        except (TimeoutError, *_GONE):
            await process.stop()
        finally:
            self._slots.release()


class _Process:
    """One speech process."""

    def __init__(self) -> None:
        self.rate_hz = 0
        self._number = 0
        self._child: asyncio.subprocess.Process | None = None

    @property
    def started(self) -> bool:
        return self._child is not None and self._child.returncode is None

    async def start(self, command: tuple[str, ...]) -> None:
        """Return when it can speak. Raises TimeoutError and what reading from the dead raises."""
        self._number = 0
        self._child = await asyncio.create_subprocess_exec(
            *(sys.executable, *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # a library may print what it was given
            start_new_session=True,  # Ctrl-C is for us; it ends when its stdin does
        )
        async with asyncio.timeout(_START_S):
            _, self.rate_hz, _ = await self._answer()

    async def speak(self, text: str, voice: str, speed_wpm: int) -> AsyncGenerator[bytes]:
        """16-bit PCM at `rate_hz`. Raises Refused, TimeoutError, and what the dead raise."""
        self._number += 1
        self._ask(wire.SPEAK, speed_wpm, voice, text.replace("\0", " "))
        while True:
            async with asyncio.timeout(_ANSWER_S):
                kind, _, payload = await self._answer()
            if kind == wire.AUDIO:
                yield payload
            elif kind == wire.FAILED:
                raise wire.Refused(payload.decode())
            else:
                return

    async def give_up(self) -> None:
        """Return when it is silent and ready for the next text."""
        if not self.started or not self.rate_hz:
            raise ConnectionResetError
        self._ask(wire.GIVE_UP, 0, "", "")
        kind, number, _ = await self._answer()
        while number != self._number or kind not in (wire.DONE, wire.FAILED):
            kind, number, _ = await self._answer()

    async def stop(self) -> None:
        """End it, by force when it does not go."""
        if self._child is None or self._child.stdin is None:
            return
        self._child.stdin.close()
        try:
            async with asyncio.timeout(_STOP_S):
                await self._child.wait()
        except TimeoutError:
            self._child.kill()
            await self._child.wait()

    def _ask(self, kind: int, speed_wpm: int, voice: str, text: str) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        name, words = voice.encode(), text.encode(errors="replace")
        speed = min(max(speed_wpm, 0), 0xFFFF)
        header = wire.REQUEST.pack(kind, self._number, speed, len(name), len(words))
        self._child.stdin.write(header + name + words)

    async def _answer(self) -> tuple[int, int, bytes]:
        assert self._child is not None
        assert self._child.stdout is not None
        stdout = self._child.stdout
        kind, number, size = wire.ANSWER.unpack(await stdout.readexactly(wire.ANSWER.size))
        return kind, number, await stdout.readexactly(size) if size else b""
