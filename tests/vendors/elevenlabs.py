"""ElevenLabs' streamed text-to-speech on loopback, as strict as the vendor.

Sources of the rules: [1] elevenlabs.io/docs/api-reference/text-to-speech/stream,
[2] help.elevenlabs.io/hc/en-us/articles/19572237925521 (codes 400 and 401),
[3] elevenlabs.io/docs/developers/resources/error-messages, [4] the SDK's types (elevenlabs 2.78).
"""

from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web
from vendors.serving import Refusal, Rejected, json_body
from vendors.strict import Exchange, StreamingVendor, on_loopback

VOICE = "21m00Tcm4TlvDq8ikWAM"  # the only voice the account has
MODELS = {"eleven_flash_v2_5", "eleven_turbo_v2_5", "eleven_multilingual_v2", "eleven_v3"}
FORMATS = {  # [4]
    "alaw_8000", "mp3_22050_32", "mp3_44100_128", "opus_48000_64", "pcm_8000", "pcm_16000",
    "pcm_24000", "ulaw_8000",
}  # fmt: skip
QUERY = {"enable_logging", "optimize_streaming_latency", "output_format"}  # [1]
FIELDS = {  # [1]
    "apply_language_text_normalization", "apply_text_normalization", "audio_effects",
    "language_code", "model_id", "next_request_ids", "next_text", "previous_request_ids",
    "previous_text", "pronunciation_dictionary_locators", "seed", "text", "use_pvc_as_ivc",
    "voice_settings",
}  # fmt: skip


class Reading(Exchange):
    """One request, and the script's means to answer it."""

    content_type = "audio/basic"

    async def audio(self, piece: bytes) -> None:
        await self.raw(piece)


class ElevenLabsServer(StreamingVendor[Reading]):
    """Reads out a short tone until it is told otherwise."""

    def __init__(self) -> None:
        super().__init__(_a_short_tone)

    async def accept(self, request: web.Request) -> Reading:
        if request.headers.get("xi-api-key") != self.key:  # [1]
            raise Rejected("authorization", error(401, "invalid_api_key"))
        if request.match_info["voice"] != VOICE:
            raise Rejected("an unknown voice", error(404, "voice_not_found"))  # [2]
        if not set(request.query) <= QUERY or request.query.get("output_format") not in FORMATS:
            raise _invalid("output_format")
        body = await json_body(request, _invalid)
        if problem := _problem(body):
            raise _invalid(problem)
        return Reading(request, body)


def elevenlabs_server() -> AbstractAsyncContextManager[ElevenLabsServer]:
    """A server for one test."""
    return on_loopback(ElevenLabsServer(), "POST", "/v1/text-to-speech/{voice}/stream")


def error(status: int, code: str, **headers: str) -> Refusal:
    """An error as the vendor words it [2]; its message may repeat what was sent."""
    return Refusal(status, {"detail": {"status": code, "message": "about your words"}}, headers)


async def _a_short_tone(reading: Reading) -> None:
    await reading.audio(b"\x55" * 1_600)


def _invalid(problem: str) -> Rejected:
    # [3]: what does not fit the schema is a 422 with the place of the fault
    detail = [{"loc": ["body"], "msg": problem, "type": "value_error"}]
    return Rejected(problem, Refusal(422, {"detail": detail}))


def _problem(body: dict[str, Any]) -> str:
    """What the vendor would refuse in the request; empty: nothing."""
    if unknown := set(body) - FIELDS:
        return f"unknown fields: {sorted(unknown)}"
    if not isinstance(body.get("text"), str) or not body["text"].strip():
        return "text must not be empty"
    if len(body["text"]) > 40_000:  # [2]: the limit of Flash v2.5
        return "text too long"
    if body.get("model_id") not in MODELS:
        return "an unknown model"
    return _problem_of_settings(body.get("voice_settings"))


def _problem_of_settings(settings: dict[str, Any] | None) -> str:
    speed = (settings or {}).get("speed", 1.0)
    return "" if 0.7 <= speed <= 1.2 else "speed is 0.7 to 1.2"  # [1]
