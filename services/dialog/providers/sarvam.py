"""Sarvam's models for the languages of India: chat completions at its own address.

protocol  https://docs.sarvam.ai/api-reference/chat/chat-completions-v1
"""

from typing import Final

from services.dialog.provider import Capabilities
from services.dialog.providers.openai import OpenAI

NAME: Final = "sarvam"
# Made to talk: it does not reason first, as sarvam-105b does.
MODEL: Final = "sarvam-105b-conversations"


class Sarvam(OpenAI):
    """Sarvam for many calls. `agent.llm.options` goes into the request as it is."""

    name = NAME
    capabilities = Capabilities(
        streaming=True,
        tools=True,
        usage=True,
        languages=("en", "hi", "bn", "gu", "kn", "ml", "mr", "or", "pa", "ta", "te"),
    )

    def __init__(self, api_key: str, base_url: str | None = None) -> None:
        """`base_url` is the origin alone, as for Sarvam's ears and voices."""
        super().__init__(
            api_key,
            f"{base_url or 'https://api.sarvam.ai'}/v1",
            model=MODEL,
            headers={"api-subscription-key": api_key},  # beside the bearer token of the SDK
            stream_options=False,  # version 1 knows none
        )
