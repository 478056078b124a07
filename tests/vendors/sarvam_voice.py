"""Sarvam's streamed speech (text-to-speech/ws) on loopback, as strict as the vendor.

Sources of the rules: [1] docs.sarvam.ai/api-reference-docs/text-to-speech/stream,
[2] docs.sarvam.ai/api/getting-started/errors-troubleshooting, [3] the SDK's types (sarvamai
0.1.39), [4] /api-guides-tutorials/text-to-speech/streaming-api: config first, 60 s idle.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import WSMsgType, web
from vendors.serving import Received, Refusal, Rejected, break_off
from vendors.strict import Vendor, on_loopback

from contracts.dialog import Voice
from services.tts.providers.tone import Tone

PATH = "/text-to-speech/ws"
QUERY = {"model", "send_completion_event"}  # [3]
SPEAKERS = {  # [3], some of many
    "bulbul:v2": {"anushka", "manisha", "vidya", "arya", "abhilash", "karun", "hitesh"},
    "bulbul:v3": {"shubh", "aditya", "ritu", "priya", "neha", "rahul", "kavya", "simran"},
    "bulbul:v4-flash": {"shubh_hi_devotional", "simran_en_customer"},
}
LANGUAGES = {  # [3]
    "bn-IN", "en-IN", "gu-IN", "hi-IN", "kn-IN", "ml-IN", "mr-IN", "od-IN", "pa-IN", "ta-IN",
    "te-IN",
}  # fmt: skip
CODECS = {"linear16", "mulaw", "alaw", "opus", "flac", "aac", "wav", "mp3"}  # [3]
RATES_HZ = {8_000, 16_000, 22_050, 24_000}  # [3]
FIELDS = {  # [3]
    "dict_id", "enable_preprocessing", "language_code", "loudness", "max_chunk_length",
    "min_buffer_size", "model", "output_audio_bitrate", "output_audio_codec", "pace", "pitch",
    "speaker", "speech_sample_rate", "temperature",
}  # fmt: skip
LONGEST = 2_500  # [3]: characters of a text


class Conversation(Received):
    """One client's socket, and the script's means to answer on it."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        super().__init__()
        self.model = request.query.get("model", "bulbul:v2")  # [3]
        self.tells_the_end = request.query.get("send_completion_event") == "true"
        self.configs: list[dict[str, Any]] = []
        self.spoken: list[str] = []  # what was flushed
        self.text = ""  # what waits for it
        self.left = False
        self._request, self._socket = request, socket

    async def audio(self, sound: bytes, content_type: str = "audio/x-mulaw") -> None:
        data = {"content_type": content_type, "audio": base64.b64encode(sound).decode()}
        await self.say({"type": "audio", "data": data})

    async def final(self) -> None:
        if self.tells_the_end:
            await self.say({"type": "event", "data": {"event_type": "final"}})

    async def error(self, code: int | None) -> None:
        data = {"message": "about your words"} | ({} if code is None else {"code": code})
        await self.say({"type": "error", "data": data})

    async def say(self, message: dict[str, Any]) -> None:
        await self._socket.send_json(message)

    async def say_raw(self, text: str) -> None:
        await self._socket.send_str(text)

    async def close(self, code: int = 1000) -> None:
        await self._socket.close(code=code)

    async def gone(self) -> None:
        """Wait until the client has left."""
        await self.until(lambda: self.left)

    def break_off(self) -> None:
        break_off(self._request)


Script = Callable[[Conversation], Awaitable[None]]


class SarvamVoiceServer(Vendor[web.Request]):
    """Answers each flush by `script`, which may be set late: the text is `spoken[-1]`."""

    def __init__(self) -> None:
        super().__init__()
        self.script: Script = a_tone
        self.idle_s = 60.0  # [4]
        self.conversations: list[Conversation] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, self.answer)]

    async def accept(self, request: web.Request) -> web.Request:
        if request.headers.get("api-subscription-key") != self.key:  # [1]
            raise Rejected("authorization", error(403, "invalid_api_key_error"))  # [2]
        if not set(request.query) <= QUERY:
            raise Rejected("an unknown parameter", error(400, "invalid_request_error"))
        if request.query.get("model", "bulbul:v2") not in SPEAKERS:
            raise Rejected("an unknown model", error(400, "invalid_request_error"))
        return request

    async def serve(self, accepted: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(timeout=1.0, compress=False)
        await socket.prepare(accepted)
        talk = Conversation(accepted, socket)
        self.conversations.append(talk)
        answers: list[asyncio.Task[None]] = []
        try:
            await self._read(talk, socket, answers)
        finally:
            talk.left = True
            await talk.grew()
            for outcome in await asyncio.gather(*answers, return_exceptions=True):
                if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
                    self.violations.append(f"the script failed: {outcome!r}")
        return socket

    async def _read(
        self, talk: Conversation, socket: web.WebSocketResponse, answers: list[asyncio.Task[None]]
    ) -> None:
        while not socket.closed:
            try:
                message = await socket.receive(timeout=self.idle_s)
            except TimeoutError:
                return await talk.close()  # [4]
            if message.type is not WSMsgType.TEXT:
                continue
            kind, data = _parts(message.json())
            if problem := _problem(talk, kind, data):
                self.violations.append(problem)
                await talk.error(422)
                return await talk.close(1008)
            if kind == "config":
                talk.configs.append(data)
            elif kind == "text":
                talk.text += data["text"]
            elif kind == "flush" and talk.text:
                talk.spoken.append(talk.text)
                talk.text = ""
                answers.append(asyncio.create_task(self.script(talk)))
            await talk.grew()


def sarvam_voice_server() -> AbstractAsyncContextManager[SarvamVoiceServer]:
    """A server for one test."""
    return on_loopback(SarvamVoiceServer(), "GET", PATH)


def error(status: int, code: str, **headers: str) -> Refusal:
    """An error as the vendor words it [2]; its message may repeat what was sent."""
    return Refusal(status, {"error": {"message": "about your words", "code": code}}, headers)


async def a_tone(talk: Conversation) -> None:
    """As long as the text."""
    async for sound in Tone().speak(talk.spoken[-1], Voice()):
        for at in range(0, len(sound), 1_600):
            await talk.audio(sound[at : at + 1_600])
    await talk.final()


def _parts(message: Any) -> tuple[str, dict[str, Any]]:
    return str(message.get("type", "")), message.get("data") or {}


def _problem(talk: Conversation, kind: str, data: dict[str, Any]) -> str:
    """What the vendor would refuse in the message; empty: nothing."""
    if kind == "config":
        return _problem_of_config(talk.model, data)
    if kind not in ("text", "flush", "ping"):
        return "a message of no known type"
    if not talk.configs and kind != "ping":
        return "config comes first"  # [4]
    if kind == "text" and not 1 <= len(data.get("text", "")) <= LONGEST:
        return "text of 1 to 2500 characters"
    return ""


def _problem_of_config(model: str, data: dict[str, Any]) -> str:
    unasked = {"pitch", "loudness"} & set(data) if model != "bulbul:v2" else set()
    least, most = (0.3, 3.0) if model == "bulbul:v2" else (0.5, 2.0)
    rules = {
        f"unknown fields: {sorted(set(data) - FIELDS)}": set(data) <= FIELDS,
        "no such language": data.get("language_code") in LANGUAGES,
        "a speaker of another model": data.get("speaker") in SPEAKERS[model],
        "pitch and loudness are of bulbul:v2": not unasked,
        "pace": least <= data.get("pace", 1.0) <= most,
        "speech_sample_rate": data.get("speech_sample_rate", 22_050) in RATES_HZ,
        "output_audio_codec": data.get("output_audio_codec", "mp3") in CODECS,
    }
    return next((problem for problem, kept in rules.items() if not kept), "")
