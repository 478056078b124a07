"""Groq's speech on loopback, a WAV file that streams, as strict as the vendor.

Sources of the rules: [1] console.groq.com/docs/api-reference#audio-speech,
[2] console.groq.com/docs/text-to-speech/orpheus, [3] console.groq.com/docs/errors,
[4] the SDK's own types (groq 1.7).
"""

from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web
from vendors.groq import error
from vendors.serving import Rejected, json_body
from vendors.strict import Exchange, StreamingVendor, on_loopback
from vendors.tones import pcm_tone, wav_header

PATH = "/openai/v1/audio/speech"
RATE_HZ = 48_000
VOICES = {  # [2]
    "canopylabs/orpheus-v1-english": {"autumn", "diana", "hannah", "austin", "daniel", "troy"},
    "canopylabs/orpheus-arabic-saudi": {
        "abdullah", "aisha", "fahad", "lulwa", "noura", "sultan",
    },
}  # fmt: skip
PARAMETERS = {"input", "model", "response_format", "sample_rate", "speed", "voice"}  # [1] [4]
LONGEST = 200  # [2]: characters of an input


class Speech(Exchange):
    """One request, and the script's means to answer it."""

    content_type = "audio/wav"

    async def audio(self, pcm: bytes) -> None:
        """16-bit PCM of RATE_HZ, after the header."""
        await self.raw(pcm)

    async def begin(self) -> None:
        await super().begin()
        await self.raw(wav_header(RATE_HZ))


class GroqSpeechServer(StreamingVendor[Speech]):
    """Reads out a tone as long as the text. Its `url` is without /openai/v1."""

    def __init__(self) -> None:
        super().__init__(_a_tone)

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self.answer)]

    async def accept(self, request: web.Request) -> Speech:
        if request.headers.get("Authorization") != f"Bearer {self.key}":  # [1]
            raise Rejected("authorization", error(401, "invalid_api_key"))
        body = await json_body(request, _invalid)
        if body.get("model") not in VOICES:
            raise Rejected("an unknown model", error(404, "model_not_found"))  # [3]
        if problem := _problem(body):
            raise _invalid(problem)
        return Speech(request, body)


def groq_speech_server() -> AbstractAsyncContextManager[GroqSpeechServer]:
    """A server for one test."""
    return on_loopback(GroqSpeechServer(), "POST", PATH)


async def _a_tone(speech: Speech) -> None:
    await speech.audio(pcm_tone(speech.body["input"], RATE_HZ))


def _invalid(problem: str) -> Rejected:
    return Rejected(problem, error(400, "invalid_request"))


def _problem(body: dict[str, Any]) -> str:
    """What the vendor would refuse in the request; empty: nothing."""
    if unknown := set(body) - PARAMETERS:
        return f"unsupported parameters: {sorted(unknown)}"
    if body.get("voice") not in VOICES[body["model"]]:
        return "an unknown voice"
    if not isinstance(body.get("input"), str) or not body["input"].strip():
        return "input must not be empty"
    if len(body["input"]) > LONGEST:
        return "input too long"
    return "" if body.get("response_format") == "wav" else "Orpheus gives wav alone"  # [2]
