"""One connection to a vendor of voices, and the sentences that are being spoken on it."""

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing, suppress
from typing import Final

from websockets.exceptions import ConnectionClosed

from contracts.dialog import Voice
from infra.socket_failures import BROKEN
from services.audio.frames import SAMPLE_RATE_HZ
from services.tts.provider import Piece, SynthesisError
from services.tts.providers.alignment import Alignment

_LET_GO_S: Final = 5.0  # for a vendor to say that it stopped speaking, and for its goodbye


class Sentence:
    """One sentence: its connection puts in what comes for it, its speaker takes it out."""

    def __init__(self, text: str, voice: Voice) -> None:
        self.id: Final = uuid.uuid4().hex
        self.text, self.voice = text, voice
        self.alignment: Final = Alignment(text)
        self.given_up = False  # nobody listens any more
        self.over: Final = asyncio.Event()  # nothing more comes
        self._sound_bytes = 0
        self._came: asyncio.Queue[bytes | SynthesisError | None] = asyncio.Queue()

    @property
    def sound_ms(self) -> float:
        """How much of it came."""
        return self._sound_bytes * 1_000 / SAMPLE_RATE_HZ

    def hear(self, sound: bytes) -> None:
        """More of it came."""
        if sound and not self.given_up:
            self._sound_bytes += len(sound)
            self._came.put_nowait(sound)

    def end(self, failure: SynthesisError | None = None) -> None:
        """Nothing more comes."""
        self._came.put_nowait(failure)
        self.over.set()

    async def sound(self, wait_s: float) -> AsyncGenerator[bytes]:
        """What comes, to its end. Raises: SynthesisError, and TimeoutError when nothing does."""
        while True:
            async with asyncio.timeout(wait_s):
                came = await self._came.get()
            if came is None:
                return
            if isinstance(came, SynthesisError):
                raise came from None
            yield came


class VoiceSocket(ABC):
    """One connection with the sentences spoken on it. Each vendor says how that is done there."""

    name: str  # the provider's
    places = 1  # sentences at once

    def __init__(self, *, wait_s: float, keep_s: float) -> None:
        """`wait_s`: the longest wait for the next sound; `keep_s`: how long it is kept unused."""
        self._wait_s, self._keep_s = wait_s, keep_s
        self._sentences: dict[str, Sentence] = {}  # until the vendor says that it is done with them
        self._spent = False  # takes no further sentence
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening = asyncio.create_task(self._listen_to_the_end())
        self._resting: asyncio.TimerHandle | None = None

    @abstractmethod
    async def ask(self, sentence: Sentence) -> None:
        """Have it spoken."""

    @abstractmethod
    async def give_up(self, sentence: Sentence) -> None:
        """Tell the vendor that nobody listens to it any more."""

    @abstractmethod
    async def listen(self) -> None:
        """Hand what comes to the sentences it belongs to, until the connection ends."""

    @abstractmethod
    async def hang_up(self) -> None:
        """Close the connection, at once if the vendor does not answer."""

    @abstractmethod
    def failed(self, failure: Exception) -> SynthesisError:
        """The port's own error for what `ask`, `give_up` or `listen` raised."""

    @property
    def over(self) -> bool:
        """Whether nobody can be heard on it any more."""
        return self._listening.done()

    @property
    def has_room(self) -> bool:
        """Whether it takes another sentence now.

        A sentence that was given up holds its place until the vendor has let go of it: only that
        keeps within the vendor's limits.
        """
        return not self._spent and not self.over and len(self._sentences) < self.places

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Piece]:
        """As TextToSpeech.speak; it has its place before the first wait. Raises SynthesisError."""
        sentence = Sentence(text, voice)
        self._enter(sentence)
        try:
            # The listening task meets a closed connection, too, and knows what was said before.
            with suppress(ConnectionClosed):
                async with asyncio.timeout(self._wait_s):
                    await self.ask(sentence)
            async with aclosing(sentence.sound(self._wait_s)) as sound:
                async for piece in sound:
                    yield piece
        except BROKEN as failure:
            self._spent = True  # what stalls once is not trusted with another sentence
            raise self.failed(failure) from None
        finally:
            self._leave(sentence)
        if not sentence.sound_ms:
            raise SynthesisError(self.name, "garbled", retryable=True)
        if times := sentence.alignment.times():
            yield times

    def sentence(self, id: str) -> Sentence | None:
        """That sentence, while the vendor is not done with it."""
        return self._sentences.get(id)

    @property
    def sole(self) -> Sentence | None:
        """The sentence that is spoken, where the connection has one place."""
        return next(iter(self._sentences.values()), None)

    def done(self, id: str, failure: SynthesisError | None = None) -> None:
        """Nothing more of that sentence comes."""
        sentence = self._sentences.pop(id, None)
        if sentence is not None:
            sentence.end(failure)
            self._rest()

    async def close(self) -> None:
        """Hang up. Sentences under way fail."""
        self._spent = True
        if self._resting:
            self._resting.cancel()
        await self._hang_up()
        self._listening.cancel()
        await asyncio.wait({self._listening})
        if self._tasks:
            await asyncio.wait(self._tasks)
        if not self._listening.cancelled():
            self._listening.result()

    def _enter(self, sentence: Sentence) -> None:
        if self._resting:
            self._resting.cancel()
        self._sentences[sentence.id] = sentence

    def _leave(self, sentence: Sentence) -> None:
        """Its speaker is gone; whoever interrupts does not wait for the vendor."""
        if sentence.id in self._sentences and not self.over:
            sentence.given_up = True
            self._do(self._give_up(sentence))

    async def _give_up(self, sentence: Sentence) -> None:
        try:
            async with asyncio.timeout(_LET_GO_S):
                await self.give_up(sentence)
                await sentence.over.wait()
        except BROKEN:  # a vendor that does not let go is given no further sentence
            self._spent = True
            self.done(sentence.id)

    async def _listen_to_the_end(self) -> None:
        failure = SynthesisError(self.name, "disconnected", retryable=True)
        try:
            await self.listen()
        except BROKEN as broken:
            failure = self.failed(broken)
        except SynthesisError as told:
            failure = told
        finally:
            for id in list(self._sentences):
                self.done(id, failure)
            self._do(self._hang_up())

    def _rest(self) -> None:
        """Hang up when no further sentence comes for long, or none may."""
        if not self._sentences and not self.over:
            later, keep_s = asyncio.get_running_loop().call_later, self._keep_s
            self._resting = later(0 if self._spent else keep_s, self._retire)

    def _retire(self) -> None:
        self._spent = True
        self._do(self._hang_up())

    async def _hang_up(self) -> None:
        with suppress(*BROKEN):  # the other side is gone already, which is what is wanted
            async with asyncio.timeout(_LET_GO_S):
                await self.hang_up()

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
