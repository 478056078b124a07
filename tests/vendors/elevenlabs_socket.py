"""ElevenLabs' multi-context socket for speech on loopback, as strict as the vendor.

Sources of the rules: [1] elevenlabs.io/docs/api-reference/text-to-speech/
v-1-text-to-speech-voice-id-multi-stream-input, [2] /docs/eleven-api/guides/how-to/websockets/
multi-context-web-socket, [3] help.elevenlabs.io/hc/en-us/articles/28084868106513 (idle),
[4] the SDK's types (elevenlabs 2.78), and what others met: [5] pipecat issues 4681 and 5271
(a context closed before it speaks stays silent), [6] bolna pull request 790 (`isFinal` comes of
`close_context` alone), [7] pipecat pull request 4126 (a flush opens a context unasked).
"""

import base64
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web
from multidict import MultiMapping
from vendors.elevenlabs import FORMATS, MODELS, VOICE
from vendors.strict import on_loopback
from vendors.voice_sockets import Client, Speaking, VoiceVendor

CONTEXTS = 5  # [2]
QUERY = {  # [1]
    "apply_text_normalization", "authorization", "auto_mode", "enable_logging",
    "enable_ssml_parsing", "inactivity_timeout", "language_code", "model_id", "output_format",
    "seed", "sync_alignment",
}  # fmt: skip
FIRST_ONLY = {"voice_settings", "generation_config", "pronunciation_dictionary_locators"}  # [4]
FIELDS = {"text", "context_id", "flush", "close_context", "close_socket"} | FIRST_ONLY  # [4]


class ElevenLabsSocketServer(VoiceVendor):
    """Reads out a short tone until it is told otherwise."""

    path = "/v1/text-to-speech/{voice}/multi-stream-input"

    async def accept(self, request: web.Request) -> web.Request:
        return request  # what is wrong with it is said on the socket

    async def greet(self, client: Client) -> None:
        request = client.request
        if request.headers.get("xi-api-key") != self.key:  # [1]
            self.violations.append("authorization")
            await self.tell(client, "invalid_api_key")
        elif problem := _problem(request.match_info["voice"], client.query):
            await self.violated(client, problem)

    def idle_s(self, client: Client) -> float:
        return int(client.query.get("inactivity_timeout", "20")) * self.second_s  # [1] [3]

    async def idle(self, client: Client) -> None:
        await self.tell(client, "input_timeout_exceeded")

    async def take(self, client: Client, message: dict[str, Any]) -> None:
        if message.get("close_socket"):
            return await client.close(1000, "")
        if not message or not set(message) <= FIELDS:
            return await self.violated(client, f"unknown fields: {sorted(set(message) - FIELDS)}")
        context = str(message.get("context_id", "default"))
        text = message.get("text") or ""
        if context not in client.waiting:
            if "text" not in message:
                return await self.violated(client, "a context that was never opened")  # [7]
            if len(client.waiting) >= CONTEXTS:
                self.violations.append("contexts")
                return await self.tell(client, "max_active_conversations")
            client.waiting[context] = ""
        elif FIRST_ONLY & set(message):
            return await self.violated(client, "settings of a context under way")
        if text and not text.endswith(" "):
            return await self.violated(client, "text without a space at its end")  # [1]
        await self._go_on(client, context, text, message)

    async def _go_on(
        self, client: Client, context: str, text: str, message: dict[str, Any]
    ) -> None:
        waiting = client.waiting
        waiting[context] += text
        wanted = message.get("flush") or client.query.get("auto_mode") == "true"
        if wanted and waiting[context].strip() and context not in client.texts:
            self.speak(client, context, waiting[context].strip())
        if message.get("close_context"):
            await self._close_context(client, context)

    async def _close_context(self, client: Client, context: str) -> None:
        speaking = client.texts.get(context)
        if speaking is None or not speaking.sound_ms:  # [5]
            if speaking is not None:
                await speaking.give_up()
            return await self._final(client, context)
        speaking.closed = True
        if speaking.task is None or speaking.task.done():
            await self._final(client, context)

    async def finished(self, speaking: Speaking) -> None:
        if speaking.closed:  # [6]
            await self._final(speaking.client, speaking.id)

    async def _final(self, client: Client, context: str) -> None:
        client.texts.pop(context, None)
        client.waiting.pop(context, None)
        await client.say({"isFinal": True, "contextId": context})

    async def reject(self, client: Client, reason: str) -> None:
        await self.tell(client, "invalid_message")

    async def tell(self, client: Client, error: str) -> None:
        """An error, whose message may repeat what was sent, and the end."""
        await client.say({"message": "about your words", "error": error, "code": 1008})
        await client.close(1008, error)

    async def send_audio(self, speaking: Speaking, piece: bytes, said: str) -> None:
        length_ms = len(piece) / 8 / max(len(said), 1)
        aligned = {  # [4]: relative to this piece
            "chars": list(said),
            "charStartTimesMs": [round(at * length_ms) for at in range(len(said))],
            "charDurationsMs": [round(length_ms)] * len(said),
        }
        await speaking.client.say(
            {
                "audio": base64.b64encode(piece).decode(),
                "isFinal": None,
                "normalizedAlignment": aligned if said else None,
                "alignment": aligned if said else None,
                "contextId": speaking.id,
            }
        )


def elevenlabs_socket_server() -> AbstractAsyncContextManager[ElevenLabsSocketServer]:
    """A server for one test."""
    return on_loopback(ElevenLabsSocketServer(), "GET", ElevenLabsSocketServer.path)


def _problem(voice: str, query: MultiMapping[str]) -> str:
    """What the vendor would refuse; empty: nothing."""
    seconds = query.get("inactivity_timeout", "20")
    rules = {
        "an unknown voice": voice == VOICE,
        "an unknown parameter": set(query) <= QUERY,
        "output_format": query.get("output_format") in FORMATS,
        "no model for several contexts": query.get("model_id") in MODELS - {"eleven_v3"},  # [2]
        "inactivity_timeout": seconds.isdecimal() and 1 <= int(seconds) <= 180,  # [1]
    }
    return next((problem for problem, kept in rules.items() if not kept), "")
