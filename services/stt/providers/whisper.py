"""Whisper on this machine, through faster-whisper: no key, nothing leaves the house.

The model is a folder that the operator puts on disk: a CTranslate2 conversion, as
https://github.com/SYSTRAN/faster-whisper describes. Nothing is ever downloaded.
"""

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Final

from contracts.agent import Agent
from services.stt.provider import Heard, RecognitionFailed
from services.stt.providers import whisper_doubt
from services.stt.providers.utterance import CAPABILITIES, UtteranceEar
from services.stt.providers.whisper_process import Gone, WhisperProcess

NAME: Final = "whisper"
_FILES: Final = ("model.bin", "config.json", "tokenizer.json")  # without, no Whisper


class Whisper:
    """One worker for all calls, started with the first of them: it loads the model.

    `agent.stt.options` are arguments of `WhisperModel.transcribe`, for example `beam_size = 5`.
    """

    name = NAME
    capabilities = CAPABILITIES

    def __init__(self, folder: str | Path, *, threads: int | None = None) -> None:
        """`threads` the model computes with; None: one for each core but one."""
        self._folder = Path(folder).expanduser()
        self._threads = threads or max(1, (os.cpu_count() or 1) - 1)
        self._worker: asyncio.Task[WhisperProcess] | None = None

    async def open(self, agent: Agent, language: str) -> UtteranceEar:
        """An ear. The first waits for the model. Raises RecognitionFailed."""
        worker = await self._ready_worker()
        if language.partition("-")[0].lower() not in worker.languages:
            raise RecognitionFailed(NAME, "its model has another language", retryable=False)
        return UtteranceEar(partial(_transcribe, worker, agent, language), agent.turns)

    async def close(self) -> None:
        """End the worker, also one that is still loading."""
        worker, self._worker = self._worker, None
        if worker:
            worker.cancel()
            await _end(worker)

    async def _ready_worker(self) -> WhisperProcess:
        """A large model takes longer than an ear waits: it goes on loading for the next."""
        if self._worker is None or _is_over(self._worker):
            self._worker = asyncio.create_task(self._start(self._worker))
        return await asyncio.shield(self._worker)

    async def _start(self, before: asyncio.Task[WhisperProcess] | None) -> WhisperProcess:
        if before:
            await _end(before)
        missing = next((name for name in _FILES if not (self._folder / name).is_file()), None)
        if missing:
            raise RecognitionFailed(NAME, f"its folder has no {missing}", retryable=False)
        try:
            return await WhisperProcess.start(self._folder, self._threads)
        except Gone as gone:
            raise RecognitionFailed(NAME, gone.kind, retryable=gone.retryable) from None


def _is_over(worker: asyncio.Task[WhisperProcess]) -> bool:
    """It could not be started, or has ended since."""
    if not worker.done():
        return False
    return worker.cancelled() or worker.exception() is not None or worker.result().gone


async def _end(worker: asyncio.Task[WhisperProcess]) -> None:
    (started,) = await asyncio.gather(worker, return_exceptions=True)
    if isinstance(started, WhisperProcess):
        await started.close()


async def _transcribe(worker: WhisperProcess, agent: Agent, language: str, sound: bytes) -> Heard:
    try:
        segments = await worker.transcribe(
            sound, language.partition("-")[0].lower(), agent.stt.options
        )
    except Gone as gone:
        raise RecognitionFailed(NAME, gone.kind, retryable=gone.retryable) from None
    return whisper_doubt.heard(segments, language)
