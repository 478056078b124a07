"""Transcription of a file, as OpenAI began it and others speak it: a form in, JSON out.

The figures of a segment: the SDKs' own types (openai 3.52, TranscriptionSegment).
"""

import asyncio
import json
import wave
from abc import abstractmethod
from collections import defaultdict
from io import BytesIO
from typing import Any

from aiohttp import BodyPartReader, web
from vendors.serving import Rejected
from vendors.strict import Exchange, StreamingVendor

EXTENSIONS = {"flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"}  # the SDKs' types
LANGUAGES = {  # the SDK's type (groq 1.7)
    "af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "bo", "br", "bs", "ca", "cs", "cy", "da",
    "de", "el", "en", "es", "et", "eu", "fa", "fi", "fo", "fr", "gl", "gu", "ha", "haw", "he", "hi",
    "hr", "ht", "hu", "hy", "id", "is", "it", "ja", "jv", "ka", "kk", "km", "kn", "ko", "la", "lb",
    "ln", "lo", "lt", "lv", "mg", "mi", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn",
    "no", "oc", "pa", "pl", "ps", "pt", "ro", "ru", "sa", "sd", "si", "sk", "sl", "sn", "so", "sq",
    "sr", "su", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl", "tr", "tt", "uk", "ur", "uz", "vi",
    "yi", "yo", "yue", "zh",
}  # fmt: skip


class Recording(Exchange):
    """A recording to transcribe, and the script's means to answer."""

    content_type = "application/json"

    def __init__(
        self, request: web.Request, fields: dict[str, list[str]], wav: wave.Wave_read
    ) -> None:
        super().__init__(request, {name: values[-1] for name, values in fields.items()})
        self.fields = fields
        self.peer = request.transport.get_extra_info("peername") if request.transport else None
        self.rate_hz, self.seconds = wav.getframerate(), wav.getnframes() / wav.getframerate()
        self.pcm = wav.readframes(wav.getnframes())

    async def words(self, text: str, **figures: float) -> None:
        """The answer in the format that was asked for; figures of its one segment."""
        if self.body.get("response_format") != "verbose_json":
            await self.json({"text": text})
            return
        segments = [segment(text, **figures)] if text else []
        await self.verbose(text, segments)

    async def verbose(self, text: str, segments: list[dict[str, Any]]) -> None:
        await self.json(
            {
                "task": "transcribe",
                "language": "english",
                "duration": self.seconds,
                "text": text,
                "segments": segments,
            }
        )

    async def json(self, answer: dict[str, Any]) -> None:
        await self.raw(json.dumps(answer).encode())

    async def never(self) -> None:
        """Keep the client waiting until it leaves."""
        await asyncio.Event().wait()


def segment(text: str, **figures: float) -> dict[str, Any]:
    """A segment as Whisper describes it; by default it is sure of itself."""
    return {
        "id": 0, "seek": 0, "start": 0.0, "end": 1.0, "text": f" {text}", "tokens": [1, 2, 3],
        "temperature": 0.0, "avg_logprob": -0.1, "compression_ratio": 1.0, "no_speech_prob": 0.01,
        **figures,
    }  # fmt: skip


class TranscriptionVendor(StreamingVendor[Recording]):
    """Answers each recording by `script`."""

    path: str
    shortest_s: float  # what is shorter is refused

    def __init__(self) -> None:
        super().__init__(nothing_understood)

    def routes(self) -> list[web.RouteDef]:
        return [web.post(self.path, self.answer)]

    async def accept(self, request: web.Request) -> Recording:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            raise self.unauthorized()
        fields, name, content = await self._form(request)
        if problem := self.problem(fields):
            raise self.invalid(problem)
        if name.rpartition(".")[2] not in EXTENSIONS:
            raise self.invalid("a file's name ends in its format")
        return Recording(request, fields, self._wav(content))

    @abstractmethod
    def problem(self, fields: dict[str, list[str]]) -> str:
        """What the vendor would refuse in the form; empty: nothing."""

    @abstractmethod
    def invalid(self, problem: str) -> Rejected:
        """The vendor's refusal of a form."""

    @abstractmethod
    def unauthorized(self) -> Rejected:
        """The vendor's refusal of a key."""

    async def _form(self, request: web.Request) -> tuple[dict[str, list[str]], str, bytes]:
        if request.content_type != "multipart/form-data":
            raise self.invalid("the body is no form")
        fields: dict[str, list[str]] = defaultdict(list)
        name, content = "", b""
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.name == "file":
                name, content = part.filename or "", bytes(await part.read())
            else:
                fields[(part.name or "").removesuffix("[]")].append(await part.text())
        return fields, name, content

    def _wav(self, content: bytes) -> wave.Wave_read:
        """Only what our adapters send is read here: PCM of 16 bits, mono."""
        try:
            wav = wave.open(BytesIO(content))
        except (wave.Error, EOFError):
            raise self.invalid("a file that is not what its name says") from None
        if (wav.getsampwidth(), wav.getnchannels()) != (2, 1):
            raise self.invalid("these tests are about 16 bits, mono")
        if wav.getnframes() / wav.getframerate() < self.shortest_s:
            raise self.invalid("a recording too short")
        return wav


async def nothing_understood(recording: Recording) -> None:
    await recording.words("")
