"""Sarvam's live recognition (Saaras) on loopback, as strict as the vendor.

Sources of the rules: [1] docs.sarvam.ai/api-reference/speech-to-text/transcribe/ws,
[2] /api/api-guides-tutorials/speech-to-text/best-practices,
[3] the SDK's own types and comments (sarvamai 0.1.39).
"""

import base64
import binascii
import json
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web
from multidict import MultiMapping
from vendors import sockets
from vendors.serving import Refusal, Rejected
from vendors.sockets import first_broken, message_of
from vendors.strict import on_loopback

BOOLEANS = {"flush_signal", "high_vad_sensitivity", "vad_signals"}  # [3]: 'true' or 'false'
TUNING = {  # [3]: of the detector of speech
    "first_turn_min_speech_frames", "interrupt_min_speech_frames", "min_speech_frames",
    "negative_frames_count", "negative_frames_window", "negative_speech_threshold",
    "num_initial_ignored_frames", "positive_speech_threshold", "pre_speech_pad_frames",
    "start_speech_volume_threshold",
}  # fmt: skip
OTHERS = {"input_audio_codec", "keyterms", "language-code", "mode", "model", "sample_rate"}  # [3]
LANGUAGES = {"unknown"} | {  # [3]
    f"{code}-IN"
    for code in (
        "as bn brx doi en gu hi kn kok ks mai ml mni mr ne od pa sa sat sd ta te ur".split()
    )
}
CODECS = {"wav", "pcm_s16le", "pcm_l16", "pcm_raw"}  # [3]
RATES_HZ = {16_000, 22_050, 24_000}  # [3]: of a message; 8 kHz is for the request alone


class SaarasLine(sockets.Line):
    """One caller's socket; `flushed_bytes`: PCM that had come before each flush."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        super().__init__(request, socket)
        self.flushed_bytes: list[int] = []

    async def start_speech(self) -> None:
        await self._event("START_SPEECH")

    async def end_speech(self) -> None:
        await self._event("END_SPEECH")

    async def words(self, transcript: str, language_code: str = "hi-IN", **fields: Any) -> None:
        """A stretch of speech, recognised. [1]"""
        data = {
            "request_id": "r",
            "transcript": transcript,
            "timestamps": None,
            "diarized_transcript": None,
            "language_code": language_code,
            "metrics": {"audio_duration": 1.0, "processing_latency": 0.1},
            **fields,
        }
        await self.say({"type": "data", "data": data})

    async def error(self, code: str) -> None:
        await self.say({"type": "error", "data": {"error": "about your words", "code": code}})

    async def _event(self, signal: str) -> None:
        if self.query.get("vad_signals") == "true":  # [3]
            data = {"event_type": "vad", "signal_type": signal, "occured_at": 1.0}
            await self.say({"type": "events", "data": data})


class SaarasServer(sockets.SocketVendor[SaarasLine]):
    """Here only PCM at 16 kHz is taken."""

    path = "/speech-to-text/ws"
    line_type = SaarasLine

    def __init__(self) -> None:
        super().__init__(idle_s=60.0)  # [2]

    async def accept(self, request: web.Request) -> web.Request:
        if request.headers.get("api-subscription-key") != self.key:  # [1]
            raise Rejected("authorization", refusal(403, "invalid_api_key_error"))
        if problem := _problem(request.query):
            raise Rejected(problem, refusal(400, "invalid_request_error"))
        return request

    async def on_idle(self, line: SaarasLine) -> None:
        await self.reject(line, 1000, "idle")  # [2]

    async def take_audio(self, line: SaarasLine, audio: bytes) -> None:
        await self.reject(line, 1003, "a binary message: audio goes as JSON")  # [1]

    async def take_text(self, line: SaarasLine, text: str) -> None:
        message = message_of(text)
        if message == {"type": "flush"}:
            await self._flush(line)
        elif problem := _problem_of_audio(message):
            await line.error("invalid_request_error")
            await self.reject(line, 1003, problem)
        else:
            line.took_audio(base64.b64decode(message["audio"]["data"]))

    async def _flush(self, line: SaarasLine) -> None:
        if line.query.get("flush_signal") != "true":  # [3]
            await self.reject(line, 1003, "a flush that was not announced")
            return
        line.controls.append("flush")
        line.flushed_bytes.append(len(line.audio))


def saaras_server() -> AbstractAsyncContextManager[SaarasServer]:
    """A server for one test."""
    return on_loopback(SaarasServer(), "GET", SaarasServer.path)


def refusal(status: int, code: str, **headers: str) -> Refusal:
    """An error as the vendor words it [3]; its message may repeat what was sent."""
    return Refusal(status, {"error": {"message": "about your words", "code": code}}, headers)


def _problem_of_audio(message: dict[str, Any]) -> str:
    """What the vendor would refuse in a message of audio. [1] [3]"""
    match message:
        case {"audio": {"data": str(data), "sample_rate": int(rate), "encoding": "audio/wav"}}:
            pass
        case _:
            return "a message of no known shape"
    if rate not in RATES_HZ:
        return "the rate of a message"
    try:
        pcm = base64.b64decode(data, validate=True)
    except binascii.Error:
        return "data is no base64"
    return "" if pcm and len(pcm) % 2 == 0 else "no 16-bit samples"


def _problem(query: MultiMapping[str]) -> str:
    """What the vendor would refuse in the request's parameters; empty: nothing."""
    return first_broken(
        {
            "an unknown parameter": set(query) <= BOOLEANS | TUNING | OTHERS,
            "a boolean spelled otherwise": all(
                query[name] in ("true", "false") for name in BOOLEANS & set(query)
            ),
            "language-code": query.get("language-code") in LANGUAGES,
            "model": query.get("model", "saaras:v4") in ("saaras:v3", "saaras:v4"),
            "mode": query.get("mode", "transcribe")
            in ("transcribe", "translate", "verbatim", "translit", "codemix"),
            "sample_rate": query.get("sample_rate", "16000") == "16000",
            "input_audio_codec": query.get("input_audio_codec", "wav") in CODECS,
            "keyterms": _terms(query.get("keyterms", "[]"), query.get("model", "saaras:v4")),
        }
    )


def _terms(text: str, model: str) -> bool:
    """A JSON array of 50 terms of 64 letters at most, of v4 alone. [3]"""
    try:
        terms = json.loads(text)
    except ValueError:
        return False
    if not isinstance(terms, list) or (terms and model != "saaras:v4"):
        return False
    return len(terms) <= 50 and all(isinstance(t, str) and len(t) <= 64 for t in terms)
