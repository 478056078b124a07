"""Deepgram's voices (Aura) over sockets that stay open, through its own SDK.

protocol  https://developers.deepgram.com/reference/text-to-speech/speak-streaming
"""

import asyncio
import logging
import time
import warnings
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Final

from contracts.dialog import Voice
from infra.direct_socket import make_direct
from infra.socket_failures import BROKEN, failed
from services.tts.provider import Capabilities, Piece, SynthesisError
from services.tts.providers.said_how import speed
from services.tts.providers.sockets import Sockets
from services.tts.providers.voice_socket import Sentence, VoiceSocket

with warnings.catch_warnings():
    # The SDK imports `websockets.legacy`, which announces its age, and then does not use it.
    warnings.simplefilter("ignore", DeprecationWarning)
    from deepgram import AsyncDeepgramClient
    from deepgram.environment import DeepgramClientEnvironment
    from deepgram.speak.v1 import client as v1
    from deepgram.speak.v1.socket_client import AsyncV1SocketClient
    from deepgram.speak.v1.types.speak_v1text import SpeakV1Text

make_direct(v1)

NAME: Final = "deepgram"
CONNECT_S: Final = 5.0
KEEP_S: Final = 60.0
FLUSHES: Final = 20  # https://developers.deepgram.com/docs/tts-ws-flush: so many
FLUSHES_WITHIN_S: Final = 60.0  # in so long, on one connection


class DeepgramVoice:
    """Aura for many calls. `voice.name` is a model of Aura, which is a voice: aura-2-thalia-en."""

    name = NAME
    capabilities = Capabilities(streaming=True)

    def __init__(self, api_key: str, base_url: str | None = None, *, wait_ms: int = 10_000) -> None:
        """`base_url` is the vendor's HTTP origin; `wait_ms`: the longest wait for more audio."""
        # At DEBUG this logger writes each message, the words to speak and the key included.
        logging.getLogger("websockets.client").setLevel(logging.INFO)
        root = (base_url or "https://api.deepgram.com").rstrip("/")
        client = AsyncDeepgramClient(api_key=api_key, environment=_environment(root))
        self._speak: v1.AsyncV1Client = client.speak.v1
        self._wait_s = wait_ms / 1_000
        self._sockets = Sockets(self._open, key=lambda voice: (voice.name, _speed(voice)))

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[Piece]:
        """See TextToSpeech.speak."""
        return self._sockets.speak(text, voice)

    async def close(self) -> None:
        """Hang up."""
        await self._sockets.close()

    async def _open(self, voice: Voice) -> "DeepgramSocket":
        stack = AsyncExitStack()
        connection = self._speak.connect(
            model=voice.name, encoding="mulaw", sample_rate="8000", speed=_speed(voice)
        )
        try:
            async with asyncio.timeout(min(self._wait_s, CONNECT_S)):
                session = await stack.enter_async_context(connection)
        except BROKEN as failure:
            raise failed(SynthesisError, NAME, failure) from None
        return DeepgramSocket(session, stack, self._wait_s)


class DeepgramSocket(VoiceSocket):
    """One connection for one voice: sentence by sentence, as its sound has no name on it."""

    name = NAME

    def __init__(self, session: AsyncV1SocketClient, stack: AsyncExitStack, wait_s: float) -> None:
        self._session, self._stack = session, stack
        self._flushed_s: deque[float] = deque(maxlen=FLUSHES)
        super().__init__(wait_s=wait_s, keep_s=KEEP_S)

    @property
    def has_room(self) -> bool:
        """See VoiceSocket.has_room; and the vendor takes another flush."""
        many = len(self._flushed_s) == FLUSHES
        if many and time.monotonic() - self._flushed_s[0] < FLUSHES_WITHIN_S:
            return False
        return super().has_room

    async def ask(self, sentence: Sentence) -> None:
        """One flush a sentence: without it the vendor waits for more text."""
        self._flushed_s.append(time.monotonic())
        await self._session.send_text(SpeakV1Text(text=sentence.text))
        await self._session.send_flush()

    async def give_up(self, sentence: Sentence) -> None:
        """What comes until the vendor says that it has cleared is sound of this sentence."""
        await self._session.send_clear()

    async def listen(self) -> None:
        """Until the vendor closes, which raises ConnectionClosed."""
        while True:
            self._take(await self._session.recv())

    async def hang_up(self) -> None:
        """With a closing handshake of two seconds at most."""
        await self._stack.aclose()

    def failed(self, failure: Exception) -> SynthesisError:
        """See infra.socket_failures."""
        return failed(SynthesisError, NAME, failure)

    def _take(self, message: object) -> None:
        # By the message's own type: the SDK may give it the class of another one.
        match message, getattr(message, "type", None):
            case bytes(), _:
                if sentence := self.sole:
                    sentence.hear(message)
            case _, "Flushed":
                self._done(given_up=False)
            case _, "Cleared":
                self._done(given_up=True)
            case _, "Warning" | "Error":
                # It speaks no further: of a flush too many, or a text it does not take.
                raise SynthesisError(NAME, "refused", retryable=True)

    def _done(self, *, given_up: bool) -> None:
        """A sentence flushed as it was given up is not over before the vendor has cleared, too."""
        sentence = self.sole
        if sentence is not None and sentence.given_up == given_up:
            self.done(sentence.id)


def _speed(voice: Voice) -> float | None:
    return speed(voice, 0.7, 1.5)


def _environment(root: str) -> DeepgramClientEnvironment:
    socket = "ws" + root.removeprefix("http")
    return DeepgramClientEnvironment(base=root, production=socket, agent=socket, agent_rest=root)
