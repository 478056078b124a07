"""Sarvam's voices for the languages of India, over sockets that are kept between sentences.

The protocol is spoken directly: the SDK's client (sarvamai 0.1.39) sends `pitch` and `loudness` to
models that have neither, hides the answer's `retry-after`, and uses a retired part of `websockets`.

protocol  https://docs.sarvam.ai/api-reference-docs/text-to-speech/stream
"""

import base64
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from websockets.asyncio.client import ClientConnection

from contracts.dialog import Voice
from infra.direct_socket import direct
from infra.refusals import refused
from infra.socket_failures import BROKEN, failed
from services.audio.wav import from_wav
from services.tts.provider import Capabilities, Piece, SynthesisError
from services.tts.providers.pieces import of_at_most
from services.tts.providers.said_how import speed
from services.tts.providers.sockets import Sockets
from services.tts.providers.voice_socket import Sentence, VoiceSocket

NAME: Final = "sarvam"
MODEL: Final = "bulbul:v3"
SPEAKER: Final = "shubh"
LANGUAGE: Final = "en-IN"
LANGUAGES: Final = ("bn", "en", "gu", "hi", "kn", "ml", "mr", "od", "pa", "ta", "te")
LONGEST: Final = 2_500  # characters of a message
CONNECT_S: Final = 5.0
KEEP_S: Final = 50.0  # the vendor closes what is idle for a minute


class Sarvam:
    """Sarvam for many calls. `voice.name` is a speaker of the model, `voice.language` is spoken.

    There is no way to stop a sentence: one that is given up takes its connection with it.
    """

    name = NAME
    capabilities = Capabilities(streaming=True, languages=LANGUAGES)

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        wait_ms: int = 10_000,
        keep_s: float = KEEP_S,
    ) -> None:
        """`base_url` is the HTTP origin.

        `wait_ms`: the longest wait for the next piece; `keep_s`: how long a connection is kept
        that nobody uses.
        """
        # At DEBUG this logger writes each message, the words to speak and the key included.
        logging.getLogger("websockets.client").setLevel(logging.INFO)
        self._origin = "ws" + (base_url or "https://api.sarvam.ai").rstrip("/").removeprefix("http")
        self._headers = {"api-subscription-key": api_key}
        self._wait_s, self._keep_s = wait_ms / 1_000, keep_s
        self._sockets = Sockets(self._open, key=lambda voice: voice.model or MODEL)

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Piece]:
        """See TextToSpeech.speak."""
        for part in of_at_most(LONGEST, text):
            async with aclosing(self._sockets.speak(part, voice)) as pieces:
                async for piece in pieces:
                    yield piece

    async def close(self) -> None:
        """Hang up."""
        await self._sockets.close()

    async def _open(self, voice: Voice) -> "SarvamSocket":
        query = urlencode({"model": voice.model or MODEL, "send_completion_event": "true"})
        try:
            connection = await direct(
                f"{self._origin}/text-to-speech/ws?{query}",
                additional_headers=self._headers,
                open_timeout=min(self._wait_s, CONNECT_S),
                close_timeout=1.0,
                compression=None,  # sound does not shrink
            )
        except BROKEN as failure:
            raise failed(SynthesisError, NAME, failure) from None
        return SarvamSocket(connection, wait_s=self._wait_s, keep_s=self._keep_s)


class _Data(msgspec.Struct, frozen=True):
    """The parts of all messages that matter."""

    audio: str = ""
    event_type: str = ""
    code: int | None = None


class _Message(msgspec.Struct, frozen=True):
    type: str
    data: _Data = _Data()


_decode: Final = msgspec.json.Decoder(_Message).decode


class SarvamSocket(VoiceSocket):
    """One connection for one model: sentence by sentence, as its sound has no name on it."""

    name = NAME

    def __init__(self, connection: ClientConnection, *, wait_s: float, keep_s: float) -> None:
        self._connection = connection
        self._settings: dict[str, Any] = {}  # as the vendor has them
        super().__init__(wait_s=wait_s, keep_s=keep_s)

    async def ask(self, sentence: Sentence) -> None:
        """The settings, if they changed, and one flush a sentence."""
        settings = _settings(sentence.voice)
        if settings != self._settings:
            await self._send({"type": "config", "data": settings})
            self._settings = settings
        await self._send({"type": "text", "data": {"text": sentence.text}})
        await self._send({"type": "flush"})

    async def give_up(self, sentence: Sentence) -> None:
        """Break it off: the only way to have the vendor stop at once."""
        self._connection.transport.abort()

    async def listen(self) -> None:
        """Until the vendor closes, which raises ConnectionClosed."""
        while True:
            self._take(_decode(await self._connection.recv(decode=False)))

    async def hang_up(self) -> None:
        """With a closing handshake of a second at most."""
        await self._connection.close()

    def failed(self, failure: Exception) -> SynthesisError:
        """See infra.socket_failures."""
        return failed(SynthesisError, NAME, failure)

    def _take(self, message: _Message) -> None:
        if message.type == "error":
            raise _told(message.data.code)
        sentence = self.sole
        if sentence is None:
            return
        if message.data.audio:
            sentence.hear(_telephone(base64.b64decode(message.data.audio, validate=True)))
        if message.data.event_type == "final":
            self.done(sentence.id)

    async def _send(self, message: dict[str, Any]) -> None:
        await self._connection.send(msgspec.json.encode(message), text=True)


def _settings(voice: Voice) -> dict[str, Any]:
    """Neither pitch nor loudness: bulbul:v3 and later have none."""
    settings: dict[str, Any] = {
        "language_code": voice.language or LANGUAGE,
        "speaker": SPEAKER if voice.name == Voice().name else voice.name,
        "speech_sample_rate": 8_000,
        "output_audio_codec": "mulaw",
    }
    if (pace := speed(voice, 0.5, 2.0)) is not None:
        settings["pace"] = pace
    return settings


def _telephone(sound: bytes) -> bytes:
    """Raw mu-law, or a small WAV file of it: the documents do not say which comes."""
    return from_wav(sound) if sound.startswith(b"RIFF") else sound


def _told(code: int | None) -> SynthesisError:
    """An error amid the conversation; its code is that of HTTP."""
    return refused(SynthesisError, NAME, code if code is not None else 500, {})
