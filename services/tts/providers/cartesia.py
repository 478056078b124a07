"""Cartesia's voices (Sonic) over sockets that stay open, a context a sentence, through its own SDK.

protocol  https://docs.cartesia.ai/api-reference/tts/websocket
contexts  https://docs.cartesia.ai/use-the-api/tts-websocket/contexts

The SDK's own contexts wait for ever when the connection breaks, so only its connection is used.
"""

import asyncio
import base64
import logging
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Final

import msgspec
import websockets.asyncio.client  # noqa: F401 - else the SDK imports it amid the first call
from cartesia import AsyncCartesia

from contracts.dialog import Voice
from infra.direct_socket import SDK_OPTIONS
from infra.refusals import refused
from infra.socket_failures import BROKEN, failed
from services.tts.provider import Capabilities, Piece, SynthesisError
from services.tts.providers.said_how import language_code, speed
from services.tts.providers.sockets import Sockets
from services.tts.providers.voice_socket import Sentence, VoiceSocket

if TYPE_CHECKING:
    from cartesia.lib._tts import AsyncTTSResourceConnection
    from cartesia.types.generation_request_param import GenerationRequestParam

NAME: Final = "cartesia"
MODEL: Final = "sonic-3"
CONNECT_S: Final = 5.0
KEEP_S: Final = 240.0  # the vendor closes what is idle for five minutes


class Cartesia:
    """Sonic for many calls, all over the same connections. `voice.name` is a voice id."""

    name = NAME
    capabilities = Capabilities(streaming=True, word_times=True)

    def __init__(self, api_key: str, base_url: str | None = None, *, wait_ms: int = 10_000) -> None:
        """`base_url` is the vendor's HTTP origin; `wait_ms`: the longest wait for more audio."""
        # At DEBUG these loggers write each message, the words to speak included.
        for logger in ("websockets.client", "cartesia"):
            logging.getLogger(logger).setLevel(logging.INFO)
        root = (base_url or "https://api.cartesia.ai").rstrip("/")
        self._client = AsyncCartesia(
            api_key=api_key, base_url=root, websocket_base_url=f"ws{root[4:]}", max_retries=0
        )
        self._tts = self._client.tts  # imports most of the SDK: not amid a call
        self._wait_s = wait_ms / 1_000
        self._sockets = Sockets(self._open, key=lambda voice: None)

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[Piece]:
        """See TextToSpeech.speak."""
        return self._sockets.speak(text, voice)

    async def close(self) -> None:
        """Hang up."""
        await self._sockets.close()
        await self._client.close()

    async def _open(self, voice: Voice) -> "CartesiaSocket":
        manager = self._tts.websocket_connect(websocket_connection_options=SDK_OPTIONS)
        try:
            async with asyncio.timeout(min(self._wait_s, CONNECT_S)):
                connection = await manager.enter()
        except BROKEN as failure:
            raise failed(SynthesisError, NAME, failure) from None
        return CartesiaSocket(connection, self._wait_s)


class _Words(msgspec.Struct, frozen=True):
    """Words as in the transcript; times in seconds from the context's beginning."""

    words: list[str]
    end: list[float]


class _Message(msgspec.Struct, frozen=True):
    type: str
    context_id: str | None = None
    data: str = ""
    word_timestamps: _Words | None = None
    status_code: int | None = None


_decode: Final = msgspec.json.Decoder(_Message).decode


class CartesiaSocket(VoiceSocket):
    """One connection for any voices."""

    name = NAME
    places = 20  # the vendor speaks of dozens

    def __init__(self, connection: "AsyncTTSResourceConnection", wait_s: float) -> None:
        self._connection = connection
        super().__init__(wait_s=wait_s, keep_s=KEEP_S)

    async def ask(self, sentence: Sentence) -> None:
        """A context with one whole input, spoken at once."""
        voice = sentence.voice
        request: GenerationRequestParam = {
            "context_id": sentence.id,
            "model_id": voice.model or MODEL,
            "transcript": sentence.text,
            "voice": voice.name,
            "output_format": {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8_000},
            "continue": False,
            "max_buffer_delay_ms": 0,  # else the vendor waits 3 s for more text
            "add_timestamps": True,
        }
        if (multiple := speed(voice, 0.6, 1.5)) is not None:
            request["generation_config"] = {"speed": multiple}
        if code := language_code(voice):
            request["language"] = code
        await self._connection.send(request)

    async def give_up(self, sentence: Sentence) -> None:
        """A context that is cancelled may stay without an answer, so its place is free at once."""
        await self._connection.send({"context_id": sentence.id, "cancel": True})
        self.done(sentence.id)

    async def listen(self) -> None:
        """Until the vendor closes, which raises ConnectionClosed."""
        while True:
            self._take(_decode(await self._connection.recv_bytes()))

    async def hang_up(self) -> None:
        """With the closing handshake."""
        await self._connection.close()

    def failed(self, failure: Exception) -> SynthesisError:
        """See infra.socket_failures."""
        return failed(SynthesisError, NAME, failure)

    def _take(self, message: _Message) -> None:
        """One message. Those of contexts that are over mean nothing."""
        sentence = self.sentence(message.context_id or "")
        match message:
            case _Message(type="error", context_id=None):
                raise _told(message.status_code)
            case _Message(type="error") if sentence:
                self.done(sentence.id, _told(message.status_code))
            case _Message(type="chunk") if sentence:
                sentence.hear(base64.b64decode(message.data, validate=True))
            case _Message(type="timestamps", word_timestamps=_Words() as spoken) if sentence:
                for word, end_s in zip(spoken.words, spoken.end, strict=False):
                    sentence.alignment.add(word, end_s * 1_000)
            case _Message(type="done") if sentence:
                self.done(sentence.id)


def _told(status: int | None) -> SynthesisError:
    """An error in a message of the vendor's."""
    return refused(SynthesisError, NAME, status or 0, {})
