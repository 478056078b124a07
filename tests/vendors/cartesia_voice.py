"""Cartesia's socket for speech (Sonic) on loopback, as strict as the vendor.

Sources of the rules: [1] docs.cartesia.ai/api-reference/tts/websocket,
[2] /use-the-api/tts-websocket/contexts, [3] /use-the-api/tts-websocket/buffering,
[4] the SDK's types (cartesia 4.2), [5] cartesia-python pull request 39 (the idle time-out).
"""

import base64
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web
from vendors.serving import Refusal, Rejected
from vendors.strict import on_loopback
from vendors.voice_sockets import Client, Speaking, VoiceVendor

VOICE = "e07c00bc-4134-4eae-9ea4-1a55fb45746b"  # the only voice the account has
REQUIRED = {"context_id", "model_id", "transcript", "voice", "output_format"}  # [4]
OPTIONAL = {  # [4]
    "add_phoneme_timestamps", "add_timestamps", "continue", "flush", "generation_config",
    "language", "max_buffer_delay_ms", "pronunciation_dict_id", "speed",
    "use_normalized_timestamps",
}  # fmt: skip
ENCODINGS = {"pcm_f32le", "pcm_s16le", "pcm_mulaw", "pcm_alaw"}  # [4]
RATES = {8000, 16000, 22050, 24000, 44100, 48000}  # [4]


class CartesiaVoiceServer(VoiceVendor):
    """Reads out a short tone until it is told otherwise."""

    path = "/tts/websocket"

    def __init__(self) -> None:
        super().__init__()
        self._over: set[str] = set()  # contexts that take no further input

    async def accept(self, request: web.Request) -> web.Request:
        if request.headers.get("Authorization") != f"Bearer {self.key}":  # [1]
            raise Rejected("authorization", Refusal(401, {"title": "Unauthorized"}))
        if "cartesia-version" not in request.headers:  # [1]
            raise Rejected("cartesia-version", Refusal(400, {"title": "Bad request"}))
        return request

    async def greet(self, client: Client) -> None:
        """Nothing is said."""

    def idle_s(self, client: Client) -> float:
        return 300 * self.second_s  # [5]

    async def idle(self, client: Client) -> None:
        await client.close(1000, "connection idle timeout")  # [5]

    async def take(self, client: Client, message: dict[str, Any]) -> None:
        context = str(message.get("context_id", ""))
        if set(message) == {"context_id", "cancel"} and message["cancel"] is True:
            return await self._cancel(client, context)
        if problem := _problem(message) or self._out_of_order(client, context):
            return await self.violated(client, problem)
        client.waiting[context] = client.waiting.get(context, "") + message["transcript"]
        if not message.get("continue"):
            self._over.add(context)
            self.speak(client, context, client.waiting.pop(context))

    def _out_of_order(self, client: Client, context: str) -> str:
        return "an input after the last" if context in self._over else ""  # [2]

    async def _cancel(self, client: Client, context: str) -> None:
        client.waiting.pop(context, None)
        if speaking := client.texts.pop(context, None):
            await speaking.give_up()

    async def finished(self, speaking: Speaking) -> None:
        speaking.client.texts.pop(speaking.id, None)
        await self._tell(speaking, "done", done=True, status_code=200)

    async def reject(self, client: Client, reason: str) -> None:
        context = client.messages[-1].get("context_id") if client.messages else None
        await client.say(error(400, "invalid_request", context))

    async def send_audio(self, speaking: Speaking, piece: bytes, said: str) -> None:
        words, before_s = said.split(), speaking.sound_ms / 1_000
        if words and _asked(speaking).get("add_timestamps"):
            each_s = len(piece) / 8_000 / len(words)
            times = {
                "words": words,
                "start": [before_s + each_s * at for at in range(len(words))],
                "end": [before_s + each_s * (at + 1) for at in range(len(words))],
            }
            await self._tell(speaking, "timestamps", word_timestamps=times)
        data = base64.b64encode(piece).decode()
        await self._tell(speaking, "chunk", data=data, step_time=1.0)

    async def _tell(self, speaking: Speaking, type: str, **more: Any) -> None:
        usual = {"type": type, "context_id": speaking.id, "done": False, "status_code": 206}
        await speaking.client.say(usual | more)


def cartesia_voice_server() -> AbstractAsyncContextManager[CartesiaVoiceServer]:
    """A server for one test."""
    return on_loopback(CartesiaVoiceServer(), "GET", CartesiaVoiceServer.path)


def error(status: int, code: str, context: str | None) -> dict[str, Any]:
    """An error of one context, or of the connection; its message may repeat what was sent. [1]"""
    return {
        "type": "error",
        "done": True,
        "context_id": context,
        "status_code": status,
        "error_code": code,
        "title": "No",
        "message": "about your words",
    }


def _asked(speaking: Speaking) -> dict[str, Any]:
    """The first message about a text."""
    messages = speaking.client.messages
    return next(each for each in messages if each.get("context_id") == speaking.id)


def _problem(message: dict[str, Any]) -> str:
    """What the vendor would refuse; empty: nothing."""
    sound = message.get("output_format")
    sound = sound if isinstance(sound, dict) else {}
    voice = message.get("voice")
    config = message.get("generation_config") or {}
    rules = {
        "fields": REQUIRED <= set(message) <= REQUIRED | OPTIONAL,
        "no model of Sonic": str(message.get("model_id", "")).startswith("sonic-"),
        "an unknown voice": VOICE in (voice, voice.get("id") if isinstance(voice, dict) else ""),
        "container": sound.get("container") == "raw",
        "encoding": sound.get("encoding") in ENCODINGS,
        "sample_rate": sound.get("sample_rate") in RATES,
        "max_buffer_delay_ms": 0 <= message.get("max_buffer_delay_ms", 3_000) <= 5_000,  # [3]
        "speed": 0.6 <= config.get("speed", 1.0) <= 1.5,  # [4]
        "nothing to say": bool(str(message.get("transcript", "")).strip())
        or bool(message.get("continue")),
    }
    return next((problem for problem, kept in rules.items() if not kept), "")
