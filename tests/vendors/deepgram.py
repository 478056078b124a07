"""Deepgram's live recognition (listen v1) on loopback, as strict as the vendor.

Sources of the rules: [1] developers.deepgram.com/reference/speech-to-text/listen-streaming,
[2] /docs/audio-keep-alive, [3] /docs/finalize, [4] /docs/close-stream,
[5] /docs/stt-troubleshooting-websocket-data-and-net-errors, [6] /docs/utterance-end,
[7] the SDK's own types (deepgram-sdk 7.17).
"""

from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import WSCloseCode, web
from multidict import MultiMapping
from vendors import sockets
from vendors.serving import Refusal, Rejected
from vendors.sockets import first_broken, message_of, whole
from vendors.strict import on_loopback

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


class Line(sockets.Line):
    """One caller's socket, as the vendor sees it; the script's means to answer on it."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        super().__init__(request, socket)
        self.finalized_bytes: list[int] = []  # audio that had come before each Finalize

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


class DeepgramServer(sockets.SocketVendor[Line]):
    """Nova."""

    path = "/v1/listen"
    line_type = Line

    def __init__(self) -> None:
        super().__init__(idle_s=10.0)  # [2]: without audio or KeepAlive

    async def accept(self, request: web.Request) -> web.Request:
        check(request, self.key, _problem(request.query))
        return request

    async def on_idle(self, line: Line) -> None:
        await self.reject(line, 1011, "NET-0001")  # [2] [5]

    async def take_audio(self, line: Line, audio: bytes) -> None:
        if problem := audio_problem(audio):
            await self.reject(line, *problem)
        else:
            line.took_audio(audio)

    async def take_text(self, line: Line, text: str) -> None:
        control = str(message_of(text).get("type", ""))
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


def deepgram_server() -> AbstractAsyncContextManager[DeepgramServer]:
    """A server for one test."""
    return on_loopback(DeepgramServer(), "GET", DeepgramServer.path)


_METADATA = {
    "request_id": "r",
    "model_uuid": "m",
    "model_info": {"name": "nova-3", "version": "1", "arch": "nova-3"},
}


def _words(text: str) -> list[dict[str, Any]]:
    return [{"word": w, "start": 0.0, "end": 1.0, "confidence": 0.9} for w in text.split()]


def check(request: web.Request, key: str, problem: str) -> None:
    """Raises Rejected, as the vendor words it, for a wrong key or a problem with the request."""
    if request.headers.get("Authorization") != f"Token {key}":  # [1]
        raise Rejected("authorization", _refusal(401, "INVALID_AUTH"))
    if problem:
        raise Rejected(problem, _refusal(400, "INVALID_QUERY_PARAMETER"))


def audio_problem(audio: bytes) -> tuple[int, str] | None:
    """With which code, and why, the vendor would hang up on a binary message."""
    if not audio:
        return 1000, "an empty binary frame"  # [4]: it ends the stream
    if audio.startswith(b'{"type"'):
        return 1008, "DATA-0000"  # [5]: control goes as text
    return None


def _refusal(status: int, code: str) -> Refusal:
    return Refusal(status, {"err_code": code, "err_msg": "no", "request_id": "r"})


def _problem(query: MultiMapping[str]) -> str:
    """What the vendor would refuse in the request's parameters; empty: nothing."""
    return first_broken(
        {
            "an unknown parameter": set(query) <= BOOLEANS | OTHERS,
            "a boolean spelled otherwise": all(
                query[name] in ("true", "false") for name in BOOLEANS & set(query)
            ),
            "no model of the listen v1 families": query.get("model", "").startswith(
                ("nova-2", "nova-3", "enhanced", "base")
            ),
            "encoding": query.get("encoding", "linear16") in ENCODINGS,
            "encoding without sample_rate": "encoding" not in query or "sample_rate" in query,
            "sample_rate": whole(query.get("sample_rate", "8000"), 8_000, 48_000),
            "channels": whole(query.get("channels", "1"), 1, 20),
            "endpointing": query.get("endpointing") == "false"
            or whole(query.get("endpointing", "10"), 0, 5_000),
            "utterance_end_ms": whole(query.get("utterance_end_ms", "1000"), 1_000, 5_000),  # [6]
            "utterance_end_ms without interim_results": "utterance_end_ms" not in query
            or query.get("interim_results") == "true",  # [6]
        }
    )
