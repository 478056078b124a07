"""ElevenLabs' streamed text-to-speech on loopback, as strict as the vendor.

Sources of the rules: [1] elevenlabs.io/docs/api-reference/text-to-speech/stream,
[2] help.elevenlabs.io/hc/en-us/articles/19572237925521 (codes 400 and 401),
[3] elevenlabs.io/docs/developers/resources/error-messages, [4] the SDK's types (elevenlabs 2.78).
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from vendors.serving import KEY, Received, Refusal, Rejected, break_off, json_body, serving

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

Script = Callable[["Reading"], Awaitable[None]]


class Reading(Received):
    """One request, and the script's means to answer it."""

    def __init__(self, request: web.Request, body: dict[str, Any]) -> None:
        super().__init__()
        self.query, self.body = request.query, body
        self.left = False  # the client went before the audio was complete
        self._request = request
        self._response = web.StreamResponse(headers={"Content-Type": "audio/basic"})

    async def begin(self) -> None:
        await self._response.prepare(self._request)

    async def audio(self, piece: bytes) -> None:
        await self._response.write(piece)

    async def gone(self) -> None:
        """Wait until the client has left."""
        await self.until(lambda: self.left)

    def break_off(self) -> None:
        break_off(self._request)

    async def end(self) -> web.StreamResponse:
        await self._response.write_eof()
        return self._response


class ElevenLabsServer:
    """What happens on it is decided by `script` and `refusal`; both may be set late."""

    def __init__(self) -> None:
        self.url = ""  # http://host:port
        self.key = KEY
        self.script: Script = _a_short_tone
        self.refusal: Refusal | None = None
        self.readings: list[Reading] = []
        self.requests = 0
        self.violations: list[str] = []  # what the vendor would not have taken

    async def stream(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        try:
            body = await self._check(request)
        except Rejected as rejected:
            self.violations.append(str(rejected))
            return rejected.refusal.response()
        if self.refusal:
            return self.refusal.response()
        return await self._read_out(Reading(request, body))

    async def _check(self, request: web.Request) -> dict[str, Any]:
        if request.headers.get("xi-api-key") != self.key:  # [1]
            raise Rejected("authorization", error(401, "invalid_api_key"))
        if request.match_info["voice"] != VOICE:
            raise Rejected("an unknown voice", error(404, "voice_not_found"))  # [2]
        if not set(request.query) <= QUERY or request.query.get("output_format") not in FORMATS:
            raise _invalid("output_format")
        body = await json_body(request, _invalid)
        if problem := _problem(body):
            raise _invalid(problem)
        return body

    async def _read_out(self, reading: Reading) -> web.StreamResponse:
        self.readings.append(reading)
        complete = False
        try:
            await reading.begin()
            await self.script(reading)
            complete = True
        except TimeoutError:
            self.violations.append("the script waited in vain")
        finally:
            reading.left = not complete
            await reading.grew()
        return await reading.end()


@asynccontextmanager
async def elevenlabs_server() -> AsyncIterator[ElevenLabsServer]:
    """A server for one test. Fails it at the end if the vendor would have rejected something."""
    server = ElevenLabsServer()
    async with serving(web.post("/v1/text-to-speech/{voice}/stream", server.stream)) as address:
        server.url = f"http://{address}"
        yield server
    assert not server.violations, server.violations


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
