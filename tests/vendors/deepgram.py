"""Deepgram's live recognition (listen v1) on loopback, as strict as the vendor.

Sources of the rules: [1] developers.deepgram.com/reference/speech-to-text/listen-streaming,
[2] /docs/audio-keep-alive, [3] /docs/finalize, [4] /docs/close-stream,
[5] /docs/stt-troubleshooting-websocket-data-and-net-errors, [6] /docs/utterance-end,
[7] the SDK's own types (deepgram-sdk 7.17).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web
from multidict import MultiMapping
from vendors.serving import Received, Refusal, Rejected, break_off
from vendors.strict import Vendor, on_loopback

BOOLEANS = {  # [1]: spelled 'true' or 'false'
    "detect_entities", "diarize", "dictation", "interim_results", "mip_opt_out", "multichannel",
    "numerals", "profanity_filter", "punctuate", "smart_format", "vad_events",
}  # fmt: skip
OTHERS = {  # [1]
    "callback", "callback_method", "channels", "diarize_model", "encoding", "endpointing",
    "extra", "keyterm", "keywords", "language", "language_hint", "model", "redact", "replace",
    "sample_rate", "search", "tag", "utterance_end_ms", "version",
}  # fmt: skip
ENCODINGS = {  # [1]
    "linear16", "linear32", "flac", "alaw", "mulaw", "amr-nb", "amr-wb", "opus", "ogg-opus",
    "speex", "g729",
}  # fmt: skip
CONTROLS = {"KeepAlive", "Finalize", "CloseStream", "Configure"}  # [7]

Script = Callable[["Line"], Awaitable[None]]


class Line(Received):
    """One caller's socket, as the vendor sees it; the script's means to answer on it."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        super().__init__()
        self.query: MultiMapping[str] = request.query
        self.audio = bytearray()
        self.messages_bytes: list[int] = []  # length of each message of audio
        self.controls: list[str] = []
        self.finalized_bytes: list[int] = []  # audio that had come before each Finalize
        self.close_code: int | None = None  # the client's, or ours when we closed
        self._request, self._socket = request, socket

    async def heard(self, audio_bytes: int) -> None:
        """Wait until so much audio has come."""
        await self.until(lambda: len(self.audio) >= audio_bytes)

    async def told(self, control: str, times: int = 1) -> None:
        """Wait for a control message."""
        await self.until(lambda: self.controls.count(control) >= times)

    async def results(self, text: str, confidence: float = 0.9, **flags: Any) -> None:
        """Send a Results message; flags: is_final, speech_final, from_finalize. [1] [3]"""
        alternative = {"transcript": text, "confidence": confidence, "words": _words(text)}
        await self.say(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "duration": 1.0,
                "start": 0.0,
                "is_final": False,
                "speech_final": False,
                "from_finalize": False,
                "channel": {"alternatives": [alternative]},
                "metadata": _METADATA,
                **flags,
            }
        )

    async def utterance_end(self) -> None:
        await self.say({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 1.0})  # [6]

    async def say(self, message: dict[str, Any]) -> None:
        await self._socket.send_json(message)

    async def say_raw(self, text: str) -> None:
        await self._socket.send_str(text)

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code=code, message=reason.encode())

    def break_off(self) -> None:
        break_off(self._request)

    def stop_reading(self) -> None:
        """As a stalled network: the client's bytes pile up."""
        assert self._request.transport is not None
        self._request.transport.pause_reading()


class DeepgramServer(Vendor[web.Request]):
    """What happens on a line is decided by `script` and `idle_s`; both may be set late."""

    def __init__(self) -> None:
        super().__init__()
        self.script: Script = _silent
        self.idle_s = 10.0  # [2]: without audio or KeepAlive; tests shorten it
        self.lines: list[Line] = []

    async def accept(self, request: web.Request) -> web.Request:
        if request.headers.get("Authorization") != f"Token {self.key}":  # [1]
            raise Rejected("authorization", _refusal(401, "INVALID_AUTH"))
        if problem := _problem(request.query):
            raise Rejected(problem, _refusal(400, "INVALID_QUERY_PARAMETER"))
        return request

    async def serve(self, accepted: web.Request) -> web.WebSocketResponse:
        # Without permessage-deflate: audio does not shrink, and bytes counted are bytes sent.
        socket = web.WebSocketResponse(timeout=1.0, compress=False)
        await socket.prepare(accepted)
        line = Line(accepted, socket)
        self.lines.append(line)
        script = asyncio.ensure_future(self.script(line))
        try:
            await self._read(line, socket)
        finally:
            line.close_code = socket.close_code
            script.cancel()
            (outcome,) = await asyncio.gather(script, return_exceptions=True)
            if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
                self.violations.append(f"the script failed: {outcome!r}")
            await line.grew()
        return socket

    async def _read(self, line: Line, socket: web.WebSocketResponse) -> None:
        while not socket.closed:
            try:
                message = await socket.receive(timeout=self.idle_s)
            except TimeoutError:
                await self._reject(line, 1011, "NET-0001")  # [2] [5]
                return
            if message.type is WSMsgType.BINARY:
                await self._take_audio(line, message.data)
            elif message.type is WSMsgType.TEXT:
                await self._take_text(line, message.data)
            await line.grew()

    async def _take_audio(self, line: Line, audio: bytes) -> None:
        if not audio:
            await self._reject(line, 1000, "an empty binary frame")  # [4]: it ends the stream
        elif audio.startswith(b'{"type"'):
            await self._reject(line, 1008, "DATA-0000")  # [5]: control goes as text
        else:
            line.audio += audio
            line.messages_bytes.append(len(audio))

    async def _take_text(self, line: Line, text: str) -> None:
        control = _control(text)
        if control not in CONTROLS:
            self.violations.append("a text message of no known type")
            await line.say({"type": "Error", "variant": "SchemaError", "description": "?"})  # [7]
            return
        line.controls.append(control)
        if control == "Finalize":
            line.finalized_bytes.append(len(line.audio))
        if control == "CloseStream":  # [4]
            await line.say({"type": "Metadata", "request_id": "r", "duration": 0.0, "channels": 1})
            await line.close(WSCloseCode.OK, "")

    async def _reject(self, line: Line, code: int, reason: str) -> None:
        self.violations.append(reason)
        await line.close(code, reason)


def deepgram_server() -> AbstractAsyncContextManager[DeepgramServer]:
    """A server for one test."""
    return on_loopback(DeepgramServer(), "GET", "/v1/listen")


_METADATA = {
    "request_id": "r",
    "model_uuid": "m",
    "model_info": {"name": "nova-3", "version": "1", "arch": "nova-3"},
}


def _words(text: str) -> list[dict[str, Any]]:
    return [{"word": w, "start": 0.0, "end": 1.0, "confidence": 0.9} for w in text.split()]


async def _silent(line: Line) -> None:
    """Hear and say nothing."""


def _refusal(status: int, code: str) -> Refusal:
    return Refusal(status, {"err_code": code, "err_msg": "no", "request_id": "r"})


def _control(text: str) -> str:
    try:
        message = json.loads(text)
    except ValueError:
        return ""
    return str(message.get("type", "")) if isinstance(message, dict) else ""


def _problem(query: MultiMapping[str]) -> str:
    """What the vendor would refuse in the request's parameters; empty: nothing."""
    rules = {
        "an unknown parameter": set(query) <= BOOLEANS | OTHERS,
        "a boolean spelled otherwise": all(
            query[name] in ("true", "false") for name in BOOLEANS & set(query)
        ),
        "no model of the listen v1 families": query.get("model", "").startswith(
            ("nova-2", "nova-3", "enhanced", "base")
        ),
        "encoding": query.get("encoding", "linear16") in ENCODINGS,
        "encoding without sample_rate": "encoding" not in query or "sample_rate" in query,
        "sample_rate": _whole(query.get("sample_rate", "8000"), 8_000, 48_000),
        "channels": _whole(query.get("channels", "1"), 1, 20),
        "endpointing": query.get("endpointing") == "false"
        or _whole(query.get("endpointing", "10"), 0, 5_000),
        "utterance_end_ms": _whole(query.get("utterance_end_ms", "1000"), 1_000, 5_000),  # [6]
        "utterance_end_ms without interim_results": "utterance_end_ms" not in query
        or query.get("interim_results") == "true",  # [6]
    }
    return next((problem for problem, kept in rules.items() if not kept), "")


def _whole(text: str, least: int, most: int) -> bool:
    return text.isdecimal() and least <= int(text) <= most
