"""Deepgram's socket for speech (speak v1, Aura) on loopback, as strict as the vendor.

Sources of the rules: [1] developers.deepgram.com/reference/text-to-speech/speak-streaming,
[2] /docs/tts-ws-flush, [3] /docs/tts-ws-clear,
[4] /docs/tts-troubleshooting-websocket-net-and-data-errors, [5] /docs/tts-media-output-settings,
[6] the SDK's types (deepgram-sdk 7.17).
"""

import asyncio
from collections import deque
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web
from multidict import MultiMapping
from vendors.serving import Refusal, Rejected
from vendors.strict import on_loopback
from vendors.voice_sockets import Client, Speaking, VoiceVendor

VOICE = "aura-2-thalia-en"
QUERY = {"encoding", "mip_opt_out", "model", "sample_rate", "speed"}  # [6]
RATES = {  # [5]
    "linear16": {"8000", "16000", "24000", "32000", "48000"},
    "mulaw": {"8000", "16000"},
    "alaw": {"8000", "16000"},
}
FLUSHES, WITHIN_S = 20, 60  # [2]


class DeepgramVoiceServer(VoiceVendor):
    """Reads out a short tone until it is told otherwise."""

    path = "/v1/speak"

    def __init__(self) -> None:
        super().__init__()
        self._flushed: dict[Client, deque[float]] = {}

    async def accept(self, request: web.Request) -> web.Request:
        if request.headers.get("Authorization") != f"Token {self.key}":  # [1]
            raise Rejected("authorization", _refusal(401, "INVALID_AUTH"))
        if problem := _problem(request.query):
            raise Rejected(problem, _refusal(400, "INVALID_QUERY_PARAMETER"))
        return request

    async def greet(self, client: Client) -> None:
        model = client.query["model"]
        self._flushed[client] = deque()
        await client.say(  # [6]
            {
                "type": "Metadata",
                "request_id": "r",
                "model_name": model,
                "model_version": "1",
                "model_uuid": "m",
            }
        )

    def idle_s(self, client: Client) -> float:
        return 3_600 * self.second_s  # [4]

    async def idle(self, client: Client) -> None:
        await client.close(1000, "")

    async def take(self, client: Client, message: dict[str, Any]) -> None:
        match message:
            case {"type": "Speak", "text": str(text), **rest} if text and not rest:
                client.waiting["text"] = client.waiting.get("text", "") + text
            case {"type": "Flush", **rest} if not rest:
                await self._flush(client)
            case {"type": "Clear", **rest} if not rest:
                await self._clear(client)
            case {"type": "Close", **rest} if not rest:
                await client.close(1000, "")
            case _:
                await self.violated(client, "a message of no known form")

    async def _flush(self, client: Client) -> None:
        now_s, flushed = asyncio.get_running_loop().time(), self._flushed[client]
        while flushed and flushed[0] <= now_s - WITHIN_S * self.second_s:
            flushed.popleft()
        if len(flushed) >= FLUSHES:
            self.violations.append("too many flushes")
            return await self._warn(client, "FLUSH_LIMIT")
        flushed.append(now_s)
        if client.texts:
            self.violations.append("a text while another is spoken: their sound has no names")
        self.speak(client, str(len(self.asked)), client.waiting.pop("text", ""))

    async def _clear(self, client: Client) -> None:
        client.waiting.clear()
        for id, speaking in list(client.texts.items()):
            await speaking.give_up()
            client.texts.pop(id, None)
        await client.say({"type": "Cleared", "sequence_id": 0})  # [3]

    async def finished(self, speaking: Speaking) -> None:
        speaking.client.texts.pop(speaking.id, None)
        await speaking.client.say({"type": "Flushed", "sequence_id": 0})  # [2]

    async def reject(self, client: Client, reason: str) -> None:
        await client.close(1008, "DATA-0000")  # [4]

    async def _warn(self, client: Client, code: str) -> None:
        await client.say({"type": "Warning", "description": "about your words", "code": code})

    async def send_audio(self, speaking: Speaking, piece: bytes, said: str) -> None:
        await speaking.client.say_raw(piece)


def deepgram_voice_server() -> AbstractAsyncContextManager[DeepgramVoiceServer]:
    """A server for one test."""
    return on_loopback(DeepgramVoiceServer(), "GET", DeepgramVoiceServer.path)


def _refusal(status: int, code: str) -> Refusal:
    return Refusal(status, {"err_code": code, "err_msg": "no", "request_id": "r"})


def _problem(query: MultiMapping[str]) -> str:
    """What the vendor would refuse in the request's parameters; empty: nothing."""
    encoding = query.get("encoding", "linear16")
    rules = {
        "an unknown parameter": set(query) <= QUERY,
        "no model of speak v1": query.get("model", "").startswith("aura-"),
        "encoding": encoding in RATES,
        "sample_rate": query.get("sample_rate", "24000") in RATES.get(encoding, ()),
        "speed": 0.7 <= float(query.get("speed", "1")) <= 1.5,  # [6]
    }
    return next((problem for problem, kept in rules.items() if not kept), "")
