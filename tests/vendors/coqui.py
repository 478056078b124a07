"""Coqui's own HTTP service on loopback, a whole WAV file a sentence, as strict as the original.

Source of the rules: [1] github.com/idiap/coqui-ai-TTS, TTS/server/server.py: form or query fields,
no key, 400 without a text, 500 for all that the model fails at.
"""

from contextlib import AbstractAsyncContextManager

from aiohttp import web
from vendors.serving import Refusal, Rejected
from vendors.strict import Exchange, StreamingVendor, on_loopback
from vendors.tones import pcm_tone, wav_header

PATH = "/api/tts"
RATE_HZ = 22_050
FIELDS = {"text", "speaker_id", "language_id", "style_wav", "speaker_wav"}  # [1]
SPEAKERS = {"p225", "p226"}  # of the model that it serves
LANGUAGES = {"en", "de", "zh-cn"}


class Speech(Exchange):
    """One request, and the script's means to answer it."""

    content_type = "audio/wav"

    async def audio(self, pcm: bytes) -> None:
        """All of a sentence, 16-bit PCM of RATE_HZ: the service does not stream. [1]"""
        await self.raw(wav_header(RATE_HZ, len(pcm)) + pcm)


class CoquiServer(StreamingVendor[Speech]):
    """Reads out a tone as long as the text."""

    def __init__(self) -> None:
        super().__init__(_a_tone)

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self.answer)]

    async def accept(self, request: web.Request) -> Speech:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if unknown := set(form) - FIELDS:
            raise Rejected(f"unknown fields: {sorted(unknown)}", error(500, "unexpected"))
        if not form.get("text", "").strip():
            raise Rejected("no text", error(400, "Text parameter is required"))
        if form.get("speaker_id", "p225") not in SPEAKERS:
            raise Rejected("an unknown speaker", error(500, "TTS synthesis failed"))
        if form.get("language_id", "en") not in LANGUAGES:
            raise Rejected("an unknown language", error(500, "TTS synthesis failed"))
        return Speech(request, dict(form))


def coqui_server() -> AbstractAsyncContextManager[CoquiServer]:
    """A server for one test."""
    return on_loopback(CoquiServer(), "POST", PATH)


def error(status: int, message: str, **headers: str) -> Refusal:
    """An error as the service words it [1]; it may repeat what was sent."""
    return Refusal(status, {"error": f"{message}: about your words"}, headers)


async def _a_tone(speech: Speech) -> None:
    await speech.audio(pcm_tone(speech.body["text"], RATE_HZ))
