"""OpenAI's transcription on loopback, as strict as the vendor.

Sources of the rules: [1] platform.openai.com/docs/api-reference/audio/createTranscription,
[2] platform.openai.com/docs/guides/error-codes, [3] the SDK's own types (openai 3.52),
[4] the vendor's answer to a shorter one: "Minimum audio length is 0.1 seconds".
"""

import json
from contextlib import AbstractAsyncContextManager
from typing import Any

from vendors.serving import Refusal, Rejected
from vendors.sockets import first_broken, within
from vendors.strict import on_loopback
from vendors.transcribing import LANGUAGES, Recording, TranscriptionVendor

FORMATS = {  # [3]: by model
    "gpt-transcribe": {"json"},
    "gpt-4o-transcribe": {"json"},
    "gpt-4o-mini-transcribe": {"json"},
    "gpt-4o-transcribe-diarize": {"json", "text", "diarized_json"},
    "whisper-1": {"json", "text", "srt", "verbose_json", "vtt"},
}
WITH_LOGPROBS = {"gpt-4o-transcribe", "gpt-4o-mini-transcribe"}  # [3]
FIELDS = {  # [3]
    "chunking_strategy", "include", "keywords", "known_speaker_names", "known_speaker_references",
    "language", "languages", "model", "prompt", "response_format", "stream", "temperature",
    "timestamp_granularities",
}  # fmt: skip


class OpenAIAudio(TranscriptionVendor):
    """Its `url` is without /v1."""

    path = "/v1/audio/transcriptions"
    shortest_s = 0.1  # [4]

    def problem(self, fields: dict[str, list[str]]) -> str:
        one = {name: values[-1] for name, values in fields.items()}
        model, kind = one.get("model", ""), one.get("response_format", "json")
        return first_broken(
            {
                "an unknown field": set(fields) <= FIELDS,
                "model": model in FORMATS,
                "a response_format the model does not have": kind in FORMATS.get(model, {kind}),
                "logprobs of a model without": not fields.get("include")
                or (
                    model in WITH_LOGPROBS and kind == "json" and fields["include"] == ["logprobs"]
                ),
                "language": one.get("language", "en") in LANGUAGES,
                "temperature": within(one.get("temperature", "0"), 0, 1),
                "granularities of a format without": "timestamp_granularities" not in fields
                or kind == "verbose_json",
            }
        )

    def invalid(self, problem: str) -> Rejected:
        return Rejected(problem, error(400, "invalid_value"))

    def unauthorized(self) -> Rejected:
        return Rejected("authorization", error(401, "invalid_api_key"))


def openai_audio() -> AbstractAsyncContextManager[OpenAIAudio]:
    """A server for one test."""
    return on_loopback(OpenAIAudio(), "POST", OpenAIAudio.path)


def error(status: int, code: str, **headers: str) -> Refusal:
    """An error as the vendor words it [2]; its message repeats what was sent."""
    body = {
        "error": {"message": "about your words", "type": "invalid", "param": None, "code": code}
    }
    return Refusal(status, body, headers)


async def with_logprobs(recording: Recording, text: str, logprobs: list[float]) -> None:
    """An answer whose tokens say how probable they are [3]."""
    tokens: list[dict[str, Any]] = [{"token": "?", "bytes": [63], "logprob": p} for p in logprobs]
    await recording.raw(json.dumps({"text": text, "logprobs": tokens}).encode())
