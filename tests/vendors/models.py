"""Every language model that a vendor serves, each with the vendor's place on loopback."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

from vendors import groq, ollama, openai, sarvam_chat
from vendors.serving import Refusal
from vendors.strict import StreamingVendor

from services.dialog.provider import LanguageModel
from services.dialog.providers.groq import Groq
from services.dialog.providers.ollama import Ollama
from services.dialog.providers.openai import OpenAI
from services.dialog.providers.sarvam import Sarvam


class Served(NamedTuple):
    """One adapter and its vendor."""

    serve: Callable[[], AbstractAsyncContextManager[StreamingVendor[Any]]]
    model: Callable[[str, str], LanguageModel]  # of a key and an address
    refusals: dict[str, Refusal]  # by the kind of failure the dialog is to be told
    base: str = ""  # of the address


SERVED = {
    "groq": Served(
        groq.groq_server,
        Groq,
        {
            "unauthorized": groq.error(401, "invalid_api_key"),
            "quota": groq.error(400, "blocked_api_access"),
            "rate_limited": groq.error(429, "rate_limit_exceeded", **{"Retry-After": "2"}),
            "unavailable": groq.error(503, "over_capacity"),
        },
    ),
    "openai": Served(
        openai.openai_server,
        OpenAI,
        {
            "unauthorized": openai.error(401, "invalid_api_key"),
            "quota": openai.error(429, "credit_balance_exhausted"),
            "rate_limited": openai.error(429, "rate_limit_exceeded", **{"Retry-After-Ms": "2000"}),
            "unavailable": openai.error(503, "server_is_overloaded"),
        },
        base="/v1",
    ),
    "sarvam": Served(
        sarvam_chat.sarvam_chat_server,
        Sarvam,
        {
            "unauthorized": sarvam_chat.error(403, "invalid_api_key_error"),
            "quota": sarvam_chat.error(429, "insufficient_quota_error"),
            "rate_limited": sarvam_chat.error(
                429, "rate_limit_exceeded_error", **{"Retry-After": "2"}
            ),
            "unavailable": sarvam_chat.error(503, "rate_limit_exceeded_error"),
        },
    ),
    "ollama": Served(
        ollama.ollama_server,
        lambda _, url: Ollama(url),
        {
            "unauthorized": ollama.error(401, "unauthorized"),  # of its models in the cloud
            "quota": ollama.error(402, "payment required"),
            "rate_limited": ollama.error(429, "too many requests", **{"Retry-After": "2"}),
            "unavailable": ollama.error(503, "maximum pending requests exceeded"),
        },
    ),
}
