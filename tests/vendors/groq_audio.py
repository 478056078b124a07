"""Groq's transcription on loopback, as strict as the vendor.

Sources of the rules: [1] console.groq.com/docs/api-reference#audio-transcription,
[2] console.groq.com/docs/errors, [3] console.groq.com/docs/speech-to-text,
[4] the SDK's own types (groq 1.7).
"""

from contextlib import AbstractAsyncContextManager

from vendors.groq import error
from vendors.serving import Rejected
from vendors.sockets import first_broken, within
from vendors.strict import on_loopback
from vendors.transcribing import LANGUAGES, TranscriptionVendor

MODELS = {"whisper-large-v3", "whisper-large-v3-turbo"}  # [4]
FIELDS = {  # [1]
    "language", "model", "prompt", "response_format", "temperature", "timestamp_granularities",
    "url",
}  # fmt: skip


class GroqTranscription(TranscriptionVendor):
    """Its `url` is without /openai/v1."""

    path = "/openai/v1/audio/transcriptions"
    shortest_s = 0.01  # [3]

    def problem(self, fields: dict[str, list[str]]) -> str:
        one = {name: values[-1] for name, values in fields.items()}
        kind = one.get("response_format", "json")
        return first_broken(
            {
                "an unknown field": set(fields) <= FIELDS,
                "model": one.get("model") in MODELS,
                "language": one.get("language", "en") in LANGUAGES,
                "response_format": kind in ("json", "text", "verbose_json"),
                "temperature": within(one.get("temperature", "0"), 0, 1),
                "granularities of a format without": "timestamp_granularities" not in fields
                or kind == "verbose_json",
            }
        )

    def invalid(self, problem: str) -> Rejected:
        return Rejected(problem, error(400, "invalid_request"))  # [2]

    def unauthorized(self) -> Rejected:
        return Rejected("authorization", error(401, "invalid_api_key"))


def groq_transcription() -> AbstractAsyncContextManager[GroqTranscription]:
    """A server for one test."""
    return on_loopback(GroqTranscription(), "POST", GroqTranscription.path)
