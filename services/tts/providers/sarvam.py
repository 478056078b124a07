"""Sarvam's voices for the languages of India, over sockets that are kept between sentences.

The protocol is spoken directly: the SDK's client (sarvamai 0.1.39) sends `pitch` and `loudness` to
models that have neither, hides the answer's `retry-after`, and uses a retired part of `websockets`.

protocol  https://docs.sarvam.ai/api-reference-docs/text-to-speech/stream
"""

import asyncio
import base64
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import (
    ConnectionClosed,
    InvalidMessage,
    InvalidStatus,
    WebSocketException,
)
from websockets.protocol import State

from contracts.dialog import Voice
from infra.direct_socket import direct
from services.audio.wav import from_wav
from services.tts.provider import Capabilities, SynthesisError
from services.tts.providers.pieces import of_at_most
from services.tts.providers.refusals import refused

NAME: Final = "sarvam"
MODEL: Final = "bulbul:v3"
SPEAKER: Final = "shubh"
LANGUAGE: Final = "en-IN"
LANGUAGES: Final = ("bn", "en", "gu", "hi", "kn", "ml", "mr", "od", "pa", "ta", "te")
LONGEST: Final = 2_500  # characters of a message
CONNECT_S: Final = 5.0
KEEP_S: Final = 50.0  # the vendor closes what is idle for a minute
_BROKEN: Final = (WebSocketException, OSError, ValueError, msgspec.MsgspecError)


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
        self._kept: list[_Socket] = []

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """See TextToSpeech.speak. A connection that broke while it was kept is replaced."""
        model = voice.model or MODEL
        socket = self._take_kept(model)
        if socket is not None:
            heard = False
            try:
                async with aclosing(self._spoken(socket, text, voice)) as sound:
                    async for mulaw in sound:
                        heard = True
                        yield mulaw
                return
            except SynthesisError as failure:
                if heard or failure.kind != "disconnected":
                    raise
        async with aclosing(self._spoken(await self._open(model), text, voice)) as sound:
            async for mulaw in sound:
                yield mulaw

    async def close(self) -> None:
        """Hang up."""
        kept, self._kept = self._kept, []
        await asyncio.gather(*(socket.hang_up() for socket in kept))

    async def _spoken(self, socket: "_Socket", text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """The socket is kept when all was heard, else dropped."""
        whole = False
        try:
            for piece in of_at_most(LONGEST, text):
                async with aclosing(socket.speak(piece, voice)) as sound:
                    async for mulaw in sound:
                        yield mulaw
            whole = True
        except _BROKEN as failure:
            raise _failed(failure) from None
        finally:
            if whole:
                self._keep(socket)
            else:
                socket.drop()

    async def _open(self, model: str) -> "_Socket":
        query = urlencode({"model": model, "send_completion_event": "true"})
        try:
            connection = await direct(
                f"{self._origin}/text-to-speech/ws?{query}",
                additional_headers=self._headers,
                open_timeout=min(self._wait_s, CONNECT_S),
                close_timeout=1.0,
                compression=None,  # sound does not shrink
            )
        except _BROKEN as failure:
            unreachable = isinstance(failure, OSError) and not isinstance(failure, TimeoutError)
            if unreachable:
                raise SynthesisError(NAME, "unreachable", retryable=True) from None
            raise _failed(failure) from None
        return _Socket(connection, model, self._wait_s)

    def _take_kept(self, model: str) -> "_Socket | None":
        for socket in list(self._kept):
            if not socket.usable(self._keep_s):
                self._kept.remove(socket)
                socket.drop()
        fitting = next((socket for socket in self._kept if socket.model == model), None)
        if fitting is not None:
            self._kept.remove(fitting)
        return fitting

    def _keep(self, socket: "_Socket") -> None:
        socket.kept_s = time.monotonic()
        self._kept.append(socket)


class _Data(msgspec.Struct, frozen=True):
    """The parts of all messages that matter."""

    audio: str = ""
    event_type: str = ""
    code: int | None = None


class _Message(msgspec.Struct, frozen=True):
    type: str
    data: _Data = _Data()


_decode: Final = msgspec.json.Decoder(_Message).decode


class _Socket:
    """One connection, on which one sentence is spoken at a time."""

    def __init__(self, connection: ClientConnection, model: str, wait_s: float) -> None:
        self.model = model
        self.kept_s = 0.0  # when it was last used, on the steady clock
        self._connection, self._wait_s = connection, wait_s
        self._settings: dict[str, Any] = {}  # as the vendor has them

    def usable(self, keep_s: float) -> bool:
        """Whether another sentence may be spoken on it."""
        fresh = time.monotonic() - self.kept_s < keep_s
        return fresh and self._connection.state is State.OPEN

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """Mu-law as it comes. Raises SynthesisError, and what sockets and nonsense raise."""
        async with asyncio.timeout(self._wait_s):
            await self._ask(text, voice)
        heard = False
        while True:
            async with asyncio.timeout(self._wait_s):
                message = _decode(await self._connection.recv(decode=False))
            if message.type == "error":
                raise _told(message.data.code)
            if message.data.event_type == "final":
                break
            if message.data.audio:
                heard = True
                yield _telephone(base64.b64decode(message.data.audio, validate=True))
        if not heard:
            raise ValueError("a sentence without sound")

    async def hang_up(self) -> None:
        """With a closing handshake of a second at most."""
        await self._connection.close()

    def drop(self) -> None:
        """Break it off: the only way to have the vendor stop at once."""
        self._connection.transport.abort()

    async def _ask(self, text: str, voice: Voice) -> None:
        settings = _settings(voice)
        if settings != self._settings:
            await self._send({"type": "config", "data": settings})
            self._settings = settings
        await self._send({"type": "text", "data": {"text": text}})
        await self._send({"type": "flush"})

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
    usual_wpm = Voice().speed_wpm
    if voice.speed_wpm != usual_wpm:
        settings["pace"] = round(min(max(voice.speed_wpm / usual_wpm, 0.5), 2.0), 2)
    return settings


def _telephone(sound: bytes) -> bytes:
    """Raw mu-law, or a small WAV file of it: the documents do not say which comes."""
    return from_wav(sound) if sound.startswith(b"RIFF") else sound


def _told(code: int | None) -> SynthesisError:
    """An error amid the conversation; its code is that of HTTP."""
    return refused(NAME, code if code is not None else 500, {})


def _failed(failure: Exception) -> SynthesisError:
    match failure:
        case InvalidStatus(response=response):
            body = _json(response.body)
            return refused(NAME, response.status_code, response.headers, body)
        case ConnectionClosed(rcvd=close) if close and close.code in (1007, 1008, 1009):
            return SynthesisError(NAME, "refused", retryable=False)
        case ConnectionClosed(rcvd=close) if close and close.code in (1011, 1012, 1013):
            return SynthesisError(NAME, "unavailable", retryable=True)
        case TimeoutError():
            return SynthesisError(NAME, "timeout", retryable=True)
        case ConnectionClosed() | InvalidMessage() | OSError():  # no answer at all to the request
            return SynthesisError(NAME, "disconnected", retryable=True)
        case _:
            return SynthesisError(NAME, "garbled", retryable=True)


def _json(body: bytes | None) -> object:
    try:
        return msgspec.json.decode(body or b"null")
    except msgspec.DecodeError:
        return None
