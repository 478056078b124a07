"""What is said on a connection to Scribe: sound, and when its words are to be settled.

protocol  https://elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime
"""

import asyncio
from base64 import b64encode
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
from elevenlabs.realtime.connection import RealtimeConnection
from websockets.exceptions import WebSocketException

from infra import socket_failures
from services.audio.frames import SAMPLE_RATE_HZ, SILENT_FRAME
from services.audio.mulaw import level_rms
from services.stt.provider import Heard, RecognitionFailed

NAME: Final = "elevenlabs"
FRAMES_A_MESSAGE: Final = 5  # 100 ms: each message is JSON and base64
_LEAST_BYTES: Final = SAMPLE_RATE_HZ * 3 // 10  # the vendor ignores a commit of less than 0.3 s
# The vendor commits by itself after 90 s, and advises to do so every 20 to 30 s.
_OFTEN_BYTES: Final = SAMPLE_RATE_HZ * 25  # as soon as it is quiet
_LATEST_BYTES: Final = SAMPLE_RATE_HZ * 80
_QUIET_BYTES: Final = SAMPLE_RATE_HZ  # 1 s: no word is cut
_QUIET_RMS: Final = 200.0  # of 16-bit samples

_FAILURES: Final[dict[str, tuple[str, bool]]] = {  # by message_type; whether a fresh ear may do
    "auth_error": ("unauthorized", False),
    "quota_exceeded": ("quota", False),
    "rate_limited": ("rate_limited", True),
    "unaccepted_terms": ("refused", False),  # someone has to accept them on the vendor's site
    "input_error": ("refused", False),
    "invalid_request": ("refused", False),
    "chunk_size_exceeded": ("refused", False),
    "queue_overflow": ("unavailable", True),
    "resource_exhausted": ("unavailable", True),
    "transcriber_error": ("unavailable", True),
    "error": ("unavailable", True),
    "session_time_limit_exceeded": ("disconnected", True),
}
_NOTHING_TO_SETTLE: Final = ("commit_throttled", "insufficient_audio_activity")


class _Transcript(msgspec.Struct):
    text: str


class ScribeWire:
    """Each commit is answered by the words since the last one; some of them end a turn."""

    def __init__(self, connection: RealtimeConnection, news: asyncio.Queue[Any]) -> None:
        """`news`: what the SDK's callbacks were given."""
        self._connection, self._news = connection, news
        self._commits: deque[bool] = deque()  # without an answer; whether the turn ends with it
        self._uncommitted_bytes = self._quiet_bytes = 0
        self._settled: list[str] = []  # words of the turn
        self._draft = ""  # and what follows on them

    async def send(self, audio: bytes) -> None:
        """Send some frames, and have what they hold settled before the vendor does so itself."""
        await self._connection.send({"audio_base_64": b64encode(audio).decode()})
        self._uncommitted_bytes += len(audio)
        self._quiet_bytes += len(audio)
        if level_rms(audio) >= _QUIET_RMS:
            self._quiet_bytes = 0
        often = self._uncommitted_bytes >= _OFTEN_BYTES and self._quiet_bytes >= _QUIET_BYTES
        if often or self._uncommitted_bytes >= _LATEST_BYTES:
            await self._commit(ends_turn=False)

    async def finish(self) -> None:
        """Ask for the final words of what was sent."""
        if (missing := _LEAST_BYTES - self._uncommitted_bytes) > 0:
            await self.send(SILENT_FRAME[:1] * missing)
        await self._commit(ends_turn=True)

    async def keep_alive(self) -> None:
        """Nothing was sent for a while: the line is lost, and may come back."""
        await self.send(SILENT_FRAME * FRAMES_A_MESSAGE)

    async def receive(self) -> Any:
        """What comes next from the vendor, or befalls the connection."""
        return await self._news.get()

    async def hear(self, message: Any, *, asked: bool) -> Sequence[Heard]:
        """What a message tells. Raises RecognitionFailed."""
        match message:
            case {"message_type": "partial_transcript"}:
                return self._drafted(msgspec.convert(message, _Transcript).text)
            case {"message_type": "committed_transcript"}:
                return self._committed(msgspec.convert(message, _Transcript).text)
            case {"message_type": kind} if kind in _NOTHING_TO_SETTLE:
                return self._committed("")
            case {"message_type": kind} if kind in _FAILURES:
                what, retryable = _FAILURES[kind]
                raise RecognitionFailed(NAME, what, retryable=retryable)
            case {"code": code}:
                raise socket_failures.hung_up(RecognitionFailed, NAME, code or 0)
            case {"error": _} if self._connection.websocket.close_code is None:
                raise RecognitionFailed(NAME, "garbled", retryable=True)
            case _:
                return ()

    def conclude(self) -> Heard:
        """The final of what was said until now; no answer is expected any more."""
        while self._commits and not self._commits.popleft():
            pass
        return self._final()

    def failed(self, failure: Exception) -> RecognitionFailed:
        """What to raise `from None` in place of the SDK's own failure."""
        return socket_failures.failed(RecognitionFailed, NAME, failure)

    async def hang_up(self) -> None:
        """Close; what is still being recognised is wanted by nobody."""
        with suppress(WebSocketException, OSError):  # gone already, which is what is wanted
            await self._connection.close()

    def cut(self) -> None:
        """Close at once."""
        # The SDK gives no other way to shorten its wait of up to 10 s for a dead peer.
        self._connection.websocket.transport.abort()

    async def _commit(self, *, ends_turn: bool) -> None:
        self._uncommitted_bytes = self._quiet_bytes = 0
        self._commits.append(ends_turn)
        await self._connection.commit()

    def _drafted(self, text: str) -> Sequence[Heard]:
        if text == self._draft:
            return ()
        self._draft = text
        return (Heard(text=self._text()),)

    def _committed(self, text: str) -> Sequence[Heard]:
        before = self._text()
        self._draft = ""
        if text.strip():
            self._settled.append(text.strip())
        if self._commits and self._commits.popleft():
            return (self._final(),)
        return (Heard(text=self._text()),) if self._text() != before else ()

    def _text(self) -> str:
        return " ".join(filter(None, (*self._settled, self._draft.strip())))

    def _final(self) -> Heard:
        final = Heard(text=self._text(), final=True)
        self._settled, self._draft = [], ""
        return final
