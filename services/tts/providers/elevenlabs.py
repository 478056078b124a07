"""ElevenLabs' voices over sockets that stay open, a context a sentence.

The SDK has no asynchronous client for this, so the documented protocol is spoken directly.

protocol  https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input
guide     https://elevenlabs.io/docs/eleven-api/guides/how-to/websockets/multi-context-web-socket
"""

import base64
import logging
from collections.abc import AsyncGenerator, Iterable
from operator import add
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from websockets.asyncio.client import ClientConnection

from contracts.dialog import Voice
from infra.direct_socket import direct
from infra.socket_failures import BROKEN, failed
from services.tts.provider import Capabilities, Piece, SynthesisError
from services.tts.providers.said_how import language_code, speed
from services.tts.providers.sockets import Sockets
from services.tts.providers.voice_socket import Sentence, VoiceSocket

NAME: Final = "elevenlabs"
MODEL: Final = "eleven_flash_v2_5"
CONNECT_S: Final = 5.0
# The vendor closes what is idle for so long; 180 is the most it takes. Its keep-alive, a space, is
# not used: without a context it would open one more, and a socket holds five.
IDLE_S: Final = 180
KEEP_S: Final = 170.0
_QUERY: Final = {
    "output_format": "ulaw_8000",
    "auto_mode": "true",  # whole sentences come: the vendor need not wait for more text
    "sync_alignment": "true",
    "inactivity_timeout": str(IDLE_S),
}


class ElevenLabs:
    """ElevenLabs for many calls. `voice.name` is a voice id. Not for the model eleven_v3."""

    name = NAME
    capabilities = Capabilities(streaming=True, word_times=True)

    def __init__(self, api_key: str, base_url: str | None = None, *, wait_ms: int = 10_000) -> None:
        """`base_url` is the vendor's HTTP origin; `wait_ms`: the longest wait for more audio."""
        # At DEBUG this logger writes each message, the words to speak and the key included.
        logging.getLogger("websockets.client").setLevel(logging.INFO)
        self._origin = "ws" + (base_url or "https://api.elevenlabs.io").rstrip("/")[4:]
        self._headers = {"xi-api-key": api_key}
        self._wait_s = wait_ms / 1_000
        self._sockets = Sockets(self._open, key=lambda v: (v.name, v.model, v.language))

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[Piece]:
        """See TextToSpeech.speak."""
        return self._sockets.speak(text, voice)

    async def close(self) -> None:
        """Hang up."""
        await self._sockets.close()

    async def _open(self, voice: Voice) -> "ElevenLabsSocket":
        language = {"language_code": code} if (code := language_code(voice)) else {}
        query = urlencode({"model_id": voice.model or MODEL, **_QUERY, **language})
        path = f"/v1/text-to-speech/{quote(voice.name, safe='')}/multi-stream-input"
        try:
            connection = await direct(
                f"{self._origin}{path}?{query}",
                additional_headers=self._headers,
                open_timeout=min(self._wait_s, CONNECT_S),
                close_timeout=1.0,
                compression=None,  # sound does not shrink
            )
        except BROKEN as failure:
            raise failed(SynthesisError, NAME, failure) from None
        return ElevenLabsSocket(connection, self._wait_s)


class _Aligned(msgspec.Struct, frozen=True, rename="camel"):
    """Times of characters, relative to the sound they come with."""

    chars: list[str] | None = None
    char_start_times_ms: list[float] | None = None
    char_durations_ms: list[float] | None = None

    def ends_ms(self) -> Iterable[tuple[str, float]]:
        """Each character with its end; what lacks some of them is left out."""
        begins, lengths = self.char_start_times_ms or (), self.char_durations_ms or ()
        ends = map(add, begins, lengths)
        return zip(self.chars or (), ends, strict=False)


class _Message(msgspec.Struct, frozen=True, rename="camel"):
    context_id: str | None = None
    audio: str | None = None
    is_final: bool | None = None
    alignment: _Aligned | None = None
    error: str | None = None
    message: str | None = None


_decode: Final = msgspec.json.Decoder(_Message).decode
_encode: Final = msgspec.json.Encoder().encode


class ElevenLabsSocket(VoiceSocket):
    """One connection for one voice."""

    name = NAME
    places = 5  # contexts that the vendor allows on one

    def __init__(self, connection: ClientConnection, wait_s: float) -> None:
        self._connection = connection
        super().__init__(wait_s=wait_s, keep_s=KEEP_S)

    async def ask(self, sentence: Sentence) -> None:
        """Open a context and fill it. Text has to end with a space."""
        opening: dict[str, Any] = {"text": " ", "context_id": sentence.id}
        if (multiple := speed(sentence.voice, 0.7, 1.2)) is not None:
            opening["voice_settings"] = {"speed": multiple}
        await self._send(opening)
        text = f"{sentence.text.strip()} "
        await self._send({"text": text, "context_id": sentence.id, "flush": True})

    async def give_up(self, sentence: Sentence) -> None:
        """A context that speaks is closed already, and cannot be closed any earlier."""
        if not sentence.sound_ms:
            await self._close_context(sentence)

    async def listen(self) -> None:
        """Until the vendor closes, which raises ConnectionClosed."""
        while True:
            await self._take(_decode(await self._connection.recv(decode=False)))

    async def hang_up(self) -> None:
        """With a closing handshake of a second at most."""
        await self._connection.close()

    def failed(self, failure: Exception) -> SynthesisError:
        """See infra.socket_failures."""
        return failed(SynthesisError, NAME, failure)

    async def _take(self, message: _Message) -> None:
        if message.error:
            raise _told(message.error)
        sentence = self.sentence(message.context_id or "")
        if sentence is None:
            return
        if message.audio:
            await self._take_sound(sentence, message)
        if message.is_final:
            self.done(sentence.id)

    async def _take_sound(self, sentence: Sentence, message: _Message) -> None:
        first, before_ms = not sentence.sound_ms, sentence.sound_ms
        sentence.hear(base64.b64decode(message.audio or "", validate=True))
        for char, end_ms in message.alignment.ends_ms() if message.alignment else ():
            sentence.alignment.add(char, before_ms + end_ms)
        if first and not sentence.given_up:
            # Only a closed context says that it is final. One that is closed before it speaks may
            # never speak (pipecat issues 4681 and 5271); one that speaks goes on to its end.
            await self._close_context(sentence)

    async def _close_context(self, sentence: Sentence) -> None:
        await self._send({"context_id": sentence.id, "close_context": True})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._connection.send(_encode(message), text=True)


def _told(error: str) -> SynthesisError:
    """An error in the vendor's own words, which closes the connection."""
    match error:
        case "quota_exceeded":
            return SynthesisError(NAME, "quota", retryable=False)
        case "invalid_api_key" | "needs_authorization" | "authentication_required":
            return SynthesisError(NAME, "unauthorized", retryable=False)
        case "max_active_conversations" | "too_many_concurrent_requests" | "rate_limited":
            return SynthesisError(NAME, "rate_limited", retryable=True)
        case "system_busy" | "internal_error":
            return SynthesisError(NAME, "unavailable", retryable=True)
        case "input_timeout_exceeded":
            return SynthesisError(NAME, "disconnected", retryable=True)
        case _:
            return SynthesisError(NAME, "refused", retryable=False)
