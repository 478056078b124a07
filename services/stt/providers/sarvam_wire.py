"""What is said on a connection to Sarvam: sound in, and the words of each stretch of speech.

protocol  https://docs.sarvam.ai/api-reference/speech-to-text/transcribe/ws
"""

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

import msgspec
from websockets.exceptions import WebSocketException

from infra import socket_failures
from infra.refusals import refused
from services.audio import mulaw
from services.audio.frames import SILENT_FRAME
from services.audio.resample import LiveDoubling
from services.stt.provider import Heard, RecognitionFailed

NAME: Final = "sarvam"
FRAMES_A_MESSAGE: Final = 5  # 100 ms: each message is JSON and base64
_STATUS: Final = {  # by the code of an error amid the call: the same as an answer's over HTTP
    "invalid_api_key_error": 403,
    "authentication_error": 403,
    "insufficient_quota_error": 429,
    "rate_limit_exceeded_error": 429,
    "internal_server_error": 500,
    "model_call_error": 500,
    "gateway_timeout_error": 504,
    "billing_service_unavailable_error": 503,
}
_NOTHING_MORE: Final = object()  # stands among the messages: all that was said is here already


class _Stretch(msgspec.Struct):
    """The part of a transcription that matters; the SDK takes it for something else if it can."""

    transcript: str
    language_code: str | None = None


class SarvamWire:
    """The vendor cuts speech where it hears a silence, and sends each stretch when it is over."""

    def __init__(self, session: Any, stack: AsyncExitStack) -> None:
        self._session, self._stack = session, stack
        self._doubling = LiveDoubling()
        self._messages: asyncio.Queue[Any] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())
        self._words: list[str] = []  # of the turn's stretches
        self._language = ""
        self._open = 0  # stretches that have begun and whose words are still to come
        self._likely_over = False  # as was told

    async def send(self, audio: bytes) -> None:
        """Send some frames as PCM at 16 kHz: mu-law is not taken, and 8 kHz not in each place."""
        pcm = self._doubling.feed(mulaw.decode(audio))
        await self._session.transcribe(b64encode(pcm).decode())

    async def finish(self) -> None:
        """Have what was not cut yet recognised now."""
        if self._words and not self._open:
            self._messages.put_nowait(_NOTHING_MORE)  # a flush would stay without answer
        else:
            await self._session.flush()

    async def keep_alive(self) -> None:
        """Nothing was sent for a while: a little silence, as the vendor advises."""
        await self.send(SILENT_FRAME * FRAMES_A_MESSAGE)

    async def receive(self) -> Any:
        """What comes next from the vendor."""
        message = await self._messages.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def hear(self, message: Any, *, asked: bool) -> Sequence[Heard]:
        """What a message tells. Raises RecognitionFailed."""
        if message is _NOTHING_MORE:
            return (self.conclude(),) if asked else ()
        match message.type:
            case "data":
                return self._take(
                    msgspec.convert(message.data, _Stretch, from_attributes=True), asked=asked
                )
            case "events" if getattr(message.data, "signal_type", "") == "START_SPEECH":
                return self._goes_on()
            case "error":
                code = str(getattr(message.data, "code", ""))
                raise refused(RecognitionFailed, NAME, _STATUS.get(code, 400), {}, {code})
            case _:
                return ()

    def conclude(self) -> Heard:
        """The final of what was said until now."""
        final = self._heard(final=True)
        self._words, self._open, self._likely_over = [], 0, False
        return final

    def failed(self, failure: Exception) -> RecognitionFailed:
        """What to raise `from None` in place of the SDK's own failure."""
        return socket_failures.failed(RecognitionFailed, NAME, failure)

    async def hang_up(self) -> None:
        """Close; what is still being recognised is wanted by nobody."""
        self._reading.cancel()
        await asyncio.wait({self._reading})
        with suppress(WebSocketException, OSError):  # gone already, which is what is wanted
            await self._stack.aclose()

    def cut(self) -> None:
        """Close at once."""
        # The SDK gives no other way, and saying goodbye may wait for a peer that takes nothing.
        self._session._websocket.transport.abort()

    async def _read(self) -> None:
        try:
            while True:
                self._messages.put_nowait(await self._session.recv())
        except (WebSocketException, OSError, ValueError) as failure:
            self._messages.put_nowait(failure)

    def _goes_on(self) -> Sequence[Heard]:
        self._open += 1
        if not self._likely_over:
            return ()
        self._likely_over = False
        return (self._heard(),)

    def _take(self, stretch: _Stretch, *, asked: bool) -> Sequence[Heard]:
        self._open = max(0, self._open - 1)
        self._language = stretch.language_code or self._language
        if stretch.transcript.strip():
            self._words.append(stretch.transcript.strip())
        if self._open:
            return ()
        if asked:
            return (self.conclude(),)
        self._likely_over = bool(self._words)
        return (self._heard(eager=True),) if self._words else ()

    def _heard(self, *, final: bool = False, eager: bool = False) -> Heard:
        text = " ".join(self._words)
        return Heard(text=text, final=final, eager=eager, language=self._language)
