"""ElevenLabs' live recognition (Scribe v2 realtime) on loopback, as strict as the vendor.

Sources of the rules: [1] elevenlabs.io/docs/api-reference/speech-to-text,
    v-1-speech-to-text-realtime,
[2] /docs/developer-guides/cookbooks/speech-to-text/realtime/transcripts-and-commit-strategies,
[3] the SDK's own types and comments (elevenlabs 2.78),
[4] github.com/elevenlabs/packages/issues/378: the vendor's words for a commit too soon.
"""

import base64
import binascii
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web
from multidict import MultiMapping
from vendors import sockets
from vendors.serving import Refusal, Rejected
from vendors.sockets import first_broken, message_of, within
from vendors.strict import on_loopback

BOOLEANS = {  # [3]: spelled 'true' or 'false'
    "enable_logging", "filter_background_audio", "include_language_detection",
    "include_timestamps", "no_verbatim",
}  # fmt: skip
OTHERS = {  # [3]
    "audio_format", "commit_strategy", "entity_detection", "entity_redaction",
    "entity_redaction_mode", "keyterms", "language_code", "min_silence_duration_ms",
    "min_speech_duration_ms", "model_id", "secondary_languages", "token", "transcript_edit",
    "vad_silence_threshold_secs", "vad_threshold",
}  # fmt: skip
FORMATS = {f"pcm_{hz}" for hz in (8000, 16000, 22050, 24000, 44100, 48000)} | {"ulaw_8000"}  # [3]
LEAST_BYTES = 2_400  # [4]: 0.3 s, of mu-law at 8 kHz
LONGEST_BYTES = 8_000 * 90  # [2]: what is not committed by then, the vendor commits


class ScribeLine(sockets.Line):
    """One caller's socket; `committed_bytes`: audio that had come before each commit."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        super().__init__(request, socket)
        self.committed_bytes: list[int] = []
        self.uncommitted_bytes = 0

    async def partial(self, text: str) -> None:
        await self.say({"message_type": "partial_transcript", "text": text})  # [1]

    async def committed(self, text: str) -> None:
        await self.say({"message_type": "committed_transcript", "text": text})  # [1]

    async def error(self, kind: str) -> None:
        await self.say({"message_type": kind, "error": "about your words"})  # [1]


class ScribeServer(sockets.SocketVendor[ScribeLine]):
    """Here only mu-law at 8 kHz is taken."""

    path = "/v1/speech-to-text/realtime"
    line_type = ScribeLine

    def __init__(self) -> None:
        super().__init__(idle_s=20.0)

    async def accept(self, request: web.Request) -> web.Request:
        if request.headers.get("xi-api-key") != self.key:  # [1]
            raise Rejected("authorization", refusal(401, "invalid_api_key"))
        if problem := _problem(request.query):
            raise Rejected(problem, refusal(400, "invalid_request"))
        return request

    async def greet(self, line: ScribeLine) -> None:
        await line.say(  # [1]
            {"message_type": "session_started", "session_id": "s", "config": dict(line.query)}
        )

    async def on_idle(self, line: ScribeLine) -> None:
        await self.reject(line, 1000, "idle")

    async def take_audio(self, line: ScribeLine, audio: bytes) -> None:
        await self._refuse(line, "a binary message: audio goes as JSON")  # [1]

    async def take_text(self, line: ScribeLine, text: str) -> None:
        message = message_of(text)
        if problem := _problem_of_chunk(message, first=not line.controls):
            await self._refuse(line, problem)
            return
        audio = base64.b64decode(message["audio_base_64"])
        line.controls.append("commit" if message["commit"] else "audio")
        if audio:
            line.took_audio(audio)
            line.uncommitted_bytes += len(audio)
        if line.uncommitted_bytes > LONGEST_BYTES:
            self.violations.append("the vendor committed by itself")
        if message["commit"]:
            await self._commit(line)

    async def _commit(self, line: ScribeLine) -> None:
        if line.uncommitted_bytes < LEAST_BYTES:
            self.violations.append("a commit too soon")
            await line.error("commit_throttled")  # [4]
            return
        line.uncommitted_bytes = 0
        line.committed_bytes.append(len(line.audio))

    async def _refuse(self, line: ScribeLine, problem: str) -> None:
        await line.error("input_error")
        await self.reject(line, 1008, problem)


def scribe_server() -> AbstractAsyncContextManager[ScribeServer]:
    """A server for one test."""
    return on_loopback(ScribeServer(), "GET", ScribeServer.path)


def refusal(status: int, code: str, **headers: str) -> Refusal:
    """An error as the vendor words it; its message may repeat what was sent."""
    return Refusal(status, {"detail": {"status": code, "message": "about your words"}}, headers)


def _problem_of_chunk(message: dict[str, Any], *, first: bool) -> str:
    """What the vendor would refuse in a message. [1]"""
    if message.get("message_type") != "input_audio_chunk":
        return "a message of no known type"
    if not isinstance(message.get("commit"), bool) or message.get("sample_rate") != 8_000:
        return "commit is a boolean, and the rate that of the request"
    if message.get("previous_text") and not first:
        return "previous_text goes with the first chunk"  # [2]
    try:
        base64.b64decode(message["audio_base_64"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        return "audio_base_64 is no base64"
    return ""


def _problem(query: MultiMapping[str]) -> str:
    """What the vendor would refuse in the request's parameters; empty: nothing."""
    terms = query.getall("keyterms", [])
    return first_broken(
        {
            "an unknown parameter": set(query) <= BOOLEANS | OTHERS,
            "a boolean spelled otherwise": all(
                query[name] in ("true", "false") for name in BOOLEANS & set(query)
            ),
            "model_id": query.get("model_id") == "scribe_v2_realtime",
            "audio_format": query.get("audio_format") in FORMATS,
            "here only ulaw_8000": query.get("audio_format") == "ulaw_8000",
            "commit_strategy": query.get("commit_strategy", "manual") in ("manual", "vad"),
            "language_code": query.get("language_code", "en").isalpha()
            and len(query.get("language_code", "en")) in (2, 3),  # ISO 639-1 or 639-3 [3]
            "keyterms": len(terms) <= 50 and all(len(term) <= 20 for term in terms),  # [3]
            "vad_silence_threshold_secs": within(
                query.get("vad_silence_threshold_secs", "1"), 0.3, 3.0
            ),  # [3]
            "timestamps of what is filtered": "true"
            not in {query.get("include_timestamps", "")}
            & {query.get("filter_background_audio", "")},
        }
    )
