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
from services.tts.provider import Piece, SynthesisError, TextToSpeech, WordTimes
from services.tts.voices import closable

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

    def __init__(self, pieces: tuple[Piece, ...] = ()) -> None:
        """`pieces`: all of it, where it was kept."""
        self.cached = bool(pieces)  # there was no need to ask the synthesiser
        self._pieces = list(pieces)
        self._done = bool(pieces)
        self._failure: Exception | None = None
        self._more = asyncio.Event()

    @property
    def kept(self) -> tuple[Piece, ...]:
        """What there is so far: the sound in one piece, then the times of its words."""
        sound = b"".join(piece for piece in self._pieces if isinstance(piece, bytes))
        times = [piece for piece in self._pieces if isinstance(piece, WordTimes)]
        return (sound, *times) if sound else ()

    async def listen(self) -> AsyncGenerator[Piece]:
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

    def grow(self, piece: Piece) -> None:
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
        self._kept: OrderedDict[Key, tuple[Piece, ...]] = OrderedDict()
        self._kept_bytes = 0
        self._growing: dict[Key, Recording] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def phrase(self, provider: TextToSpeech, text: str, voice: Voice) -> Recording:
        """The phrase as it was kept, or as it is being spoken. Goes on when nobody listens."""
        key = Key(provider.name, voice.name, voice.model, voice.speed_wpm, text, voice.language)
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return Recording(kept)
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
                await self._to_folder(key, recording.kept)
        finally:
            del self._growing[key]

    async def _fill(
        self, recording: Recording, key: Key, provider: TextToSpeech, voice: Voice
    ) -> None:
        if kept := await self._from_folder(key):
            recording.cached = True
            for piece in kept:
                recording.grow(piece)
            return self._keep(key, kept)
        async with aclosing(closable(provider.speak(key.text, voice))) as pieces:
            async for piece in pieces:
                recording.grow(piece)
        self._keep(key, recording.kept)

    def _keep(self, key: Key, pieces: tuple[Piece, ...]) -> None:
        if not pieces or _size_bytes(pieces) > self._limit_bytes:
            return
        self._kept[key] = pieces
        self._kept_bytes += _size_bytes(pieces)
        while self._kept_bytes > self._limit_bytes:
            self._kept_bytes -= _size_bytes(self._kept.popitem(last=False)[1])

    async def _from_folder(self, key: Key) -> tuple[Piece, ...]:
        if self._folder is None:
            return ()
        try:
            return await asyncio.to_thread(_read, _file(self._folder, key))
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.DecodeError) as refused:
            _log.warning("no phrase can be read from the folder: %s", type(refused).__name__)
            return ()

    async def _to_folder(self, key: Key, pieces: tuple[Piece, ...]) -> None:
        if self._folder is None or not pieces:
            return
        try:
            await asyncio.to_thread(_write, _file(self._folder, key), pieces)
        except OSError as refused:
            _log.warning("a phrase could not be kept in the folder: %s", type(refused).__name__)


def _another(failure: Exception) -> Exception:
    """One for each listener: an exception raised in several tasks would mix their traces."""
    if isinstance(failure, SynthesisError):
        return SynthesisError(
            failure.provider,
            failure.kind,
            retryable=failure.retryable,
            retry_after_s=failure.retry_after_s,
        )
    return failure


def _file(folder: Path, key: Key) -> Path:
    return folder / f"{hashlib.sha256(msgspec.json.encode(key)).hexdigest()}.ulaw"


def _size_bytes(pieces: tuple[Piece, ...]) -> int:
    return sum(len(piece) for piece in pieces if isinstance(piece, bytes))


def _read(file: Path) -> tuple[Piece, ...]:
    """Sound, and the times of its words where they are beside it."""
    sound, times = file.read_bytes(), file.with_suffix(".json")
    if not sound or not times.exists():
        return (sound,) if sound else ()
    return sound, msgspec.json.decode(times.read_bytes(), type=WordTimes)


def _write(file: Path, pieces: tuple[Piece, ...]) -> None:
    """All of it or nothing, whatever else writes the same phrase: the sound comes last."""
    file.parent.mkdir(parents=True, exist_ok=True)
    for piece in reversed(pieces):
        if isinstance(piece, bytes):
            _replace(file, piece)
        else:
            _replace(file.with_suffix(".json"), msgspec.json.encode(piece))


def _replace(file: Path, content: bytes) -> None:
    unfinished = file.with_suffix(f"{file.suffix}.{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.replace(file)
