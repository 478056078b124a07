"""Phrases that agents say word for word, kept as sound."""

import asyncio
import hashlib
import logging
import os
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from contracts.dialog import Voice
from services.tts.provider import SynthesisError, TextToSpeech

_log: Final = logging.getLogger("partyline.tts")
LIMIT_BYTES: Final = 64 * 1024 * 1024  # over two hours of speech


class Key(NamedTuple):
    """All that makes one phrase sound unlike another."""

    provider: str
    voice: str
    model: str
    speed_wpm: int
    text: str
    language: str


class Recording:
    """A phrase's sound, perhaps still growing; any number of sentences may listen to it."""

    def __init__(self, sound: bytes = b"") -> None:
        self.cached = bool(sound)  # there was no need to ask the synthesiser
        self._pieces = [sound] if sound else []
        self._done = bool(sound)
        self._failure: Exception | None = None
        self._more = asyncio.Event()

    @property
    def sound(self) -> bytes:
        """What there is so far."""
        return b"".join(self._pieces)

    async def listen(self) -> AsyncGenerator[bytes]:
        """The phrase from its beginning. Raises what the synthesiser raised."""
        heard = 0
        while True:
            while heard < len(self._pieces):
                yield self._pieces[heard]
                heard += 1
            if self._failure is not None:
                raise _another(self._failure)
            if self._done:
                return
            await self._more.wait()

    def grow(self, piece: bytes) -> None:
        """More of the phrase came."""
        self._pieces.append(piece)
        self._wake()

    def end(self, failure: Exception | None = None) -> None:
        """Nothing more comes."""
        self._done, self._failure = True, failure
        self._wake()

    def _wake(self) -> None:
        woken, self._more = self._more, asyncio.Event()
        woken.set()


class Phrases:
    """The phrases used last, up to `limit_bytes` of memory; in `folder` for the next start too.

    A phrase wanted by several at once is synthesised once. Nothing in the folder is ever deleted:
    phrases belong to agents, which are few.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES, folder: Path | None = None) -> None:
        self._limit_bytes, self._folder = limit_bytes, folder
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._growing: dict[Key, Recording] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def phrase(self, provider: TextToSpeech, text: str, voice: Voice) -> Recording:
        """The phrase as it was kept, or as it is being spoken. Goes on when nobody listens."""
        key = Key(provider.name, voice.name, voice.model, voice.speed_wpm, text, voice.language)
        if (sound := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return Recording(sound)
        if key not in self._growing:
            self._growing[key] = Recording()
            task = asyncio.create_task(self._record(key, provider, voice))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._growing[key]

    async def close(self) -> None:
        """Give up what is being spoken."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _record(self, key: Key, provider: TextToSpeech, voice: Voice) -> None:
        recording = self._growing[key]
        try:
            await self._fill(recording, key, provider, voice)
        except Exception as failure:  # it is for those who listen
            recording.end(failure)
        except asyncio.CancelledError:
            recording.end(SynthesisError(provider.name, "stopped", retryable=True))
            raise
        else:
            recording.end()
            if not recording.cached:
                await self._to_folder(key, recording.sound)
        finally:
            del self._growing[key]

    async def _fill(
        self, recording: Recording, key: Key, provider: TextToSpeech, voice: Voice
    ) -> None:
        if sound := await self._from_folder(key):
            recording.cached = True
            recording.grow(sound)
            return self._keep(key, sound)
        async with aclosing(_closable(provider.speak(key.text, voice))) as pieces:
            async for piece in pieces:
                recording.grow(piece)
        self._keep(key, recording.sound)

    def _keep(self, key: Key, sound: bytes) -> None:
        if not sound or len(sound) > self._limit_bytes:
            return
        self._kept[key] = sound
        self._kept_bytes += len(sound)
        while self._kept_bytes > self._limit_bytes:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])

    async def _from_folder(self, key: Key) -> bytes:
        if self._folder is None:
            return b""
        try:
            return await asyncio.to_thread(_file(self._folder, key).read_bytes)
        except FileNotFoundError:
            return b""
        except OSError as refused:
            _log.warning("no phrase can be read from the folder: %s", type(refused).__name__)
            return b""

    async def _to_folder(self, key: Key, sound: bytes) -> None:
        if self._folder is None or not sound:
            return
        try:
            await asyncio.to_thread(_write, _file(self._folder, key), sound)
        except OSError as refused:
            _log.warning("a phrase could not be kept in the folder: %s", type(refused).__name__)


def _closable(pieces: object) -> AsyncGenerator[bytes]:
    """The port promises an iterator that can be closed; its type can't say so."""
    assert isinstance(pieces, AsyncGenerator)
    return pieces


def _another(failure: Exception) -> Exception:
    """One for each listener: an exception raised in several tasks would mix their traces."""
    if isinstance(failure, SynthesisError):
        return SynthesisError(failure.provider, failure.kind, retryable=failure.retryable)
    return failure


def _file(folder: Path, key: Key) -> Path:
    return folder / f"{hashlib.sha256(msgspec.json.encode(key)).hexdigest()}.ulaw"


def _write(file: Path, sound: bytes) -> None:
    """All of it or nothing, whatever else writes the same phrase."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(sound)
    unfinished.replace(file)
