"""OpenAI's speech on loopback, PCM of 24 kHz, as strict as the vendor.

Sources of the rules: [1] platform.openai.com/docs/api-reference/audio/createSpeech,
[2] platform.openai.com/docs/guides/error-codes, [3] the SDK's own types (openai 3.52).
"""

from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web
from vendors.serving import Refusal, Rejected, json_body
from vendors.strict import Exchange, StreamingVendor, on_loopback
from vendors.tones import pcm_tone

PATH = "/v1/audio/speech"
RATE_HZ = 24_000
MODELS = {"gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15", "tts-1", "tts-1-hd"}  # [3]
VOICES = {  # [3]
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage",
    "shimmer", "verse",
}  # fmt: skip
PARAMETERS = {  # [1]
    "input", "instructions", "model", "response_format", "speed", "stream_format", "voice",
}  # fmt: skip
FORMATS = {"mp3", "opus", "aac", "flac", "wav", "pcm"}  # [3]
LONGEST = 4_096  # [1]: characters of an input


class Speech(Exchange):
    """One request, and the script's means to answer it."""

    content_type = "audio/pcm"

    async def audio(self, pcm: bytes) -> None:
        """16-bit PCM of RATE_HZ."""
        await self.raw(pcm)


class OpenAISpeechServer(StreamingVendor[Speech]):
    """Reads out a tone as long as the text. Its `url` is without /v1."""

    def __init__(self) -> None:
        super().__init__(_a_tone)
        self.content_type = Speech.content_type  # of its answers; may be set late

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self.answer)]

    async def accept(self, request: web.Request) -> Speech:
        if request.headers.get("Authorization") != f"Bearer {self.key}":  # [1]
            raise Rejected("authorization", error(401, "invalid_api_key"))
        body = await json_body(request, _invalid)
        if body.get("model") not in MODELS:
            raise Rejected("an unknown model", error(404, "model_not_found"))  # [2]
        if problem := _problem(body):
            raise _invalid(problem)
        return Speech(request, body, self.content_type)


def openai_speech_server() -> AbstractAsyncContextManager[OpenAISpeechServer]:
    """A server for one test."""
    return on_loopback(OpenAISpeechServer(), "POST", PATH)


def error(status: int, code: str, **headers: str) -> Refusal:
    """An error as the vendor words it [2]; its message repeats what was sent."""
    body = {"error": {"message": "about your words", "type": "invalid", "code": code}}
    return Refusal(status, body, headers)


async def _a_tone(speech: Speech) -> None:
    await speech.audio(pcm_tone(speech.body["input"], RATE_HZ))


def _invalid(problem: str) -> Rejected:
    return Rejected(problem, error(400, "invalid_value"))


def _problem(body: dict[str, Any]) -> str:
    """What the vendor would refuse in the request; empty: nothing."""
    if unknown := set(body) - PARAMETERS:
        return f"unsupported parameters: {sorted(unknown)}"
    if body.get("voice") not in VOICES:
        return "an unknown voice"
    if not isinstance(body.get("input"), str) or not body["input"].strip():
        return "input must not be empty"
    if len(body["input"]) > LONGEST:
        return "input too long"
    if not 0.25 <= body.get("speed", 1.0) <= 4.0:  # [3]
        return "speed"
    return "" if body.get("response_format", "mp3") in FORMATS else "response_format"
