"""Sarvam's live recognition (Saaras) of the languages of India, through its own SDK.

protocol  https://docs.sarvam.ai/api-reference/speech-to-text/transcribe/ws
          https://docs.sarvam.ai/api/api-guides-tutorials/speech-to-text/streaming-api
"""

import asyncio
import logging
import warnings
from contextlib import AsyncExitStack
from typing import Any, Final

from contracts.agent import Agent
from infra.direct_socket import make_direct
from infra.socket_failures import BROKEN, failed
from services.stt.provider import Capabilities, RecognitionFailed
from services.stt.providers.sarvam_wire import FRAMES_A_MESSAGE, NAME, SarvamWire
from services.stt.providers.socket_ear import SocketEar

with warnings.catch_warnings():
    # The SDK imports `websockets.legacy`, which announces its age, and then does not use it.
    warnings.simplefilter("ignore", DeprecationWarning)
    from sarvamai import AsyncSarvamAI
    from sarvamai.environment import SarvamAIEnvironment
    from sarvamai.speech_to_text_streaming import client as streaming

make_direct(streaming)

MODEL: Final = "saaras:v4"
_LANGUAGES: Final = (  # of the vendor, each with -IN; "or" is "od" there
    "as", "bn", "brx", "doi", "en", "gu", "hi", "kn", "kok", "ks", "mai", "ml", "mni", "mr", "ne",
    "or", "pa", "sa", "sat", "sd", "ta", "te", "ur",
)  # fmt: skip


class Sarvam:
    """Saaras for many calls; each ear is a WebSocket of its own.

    `agent.stt.options` goes into the request as it is: `mode = "codemix"`,
    `keyterms = '["Ostermann"]'`, `high_vad_sensitivity = "true"`...
    """

    name = NAME
    # The vendor's own end of speech is a silence, too, of a length it chooses: a likely end.
    capabilities = Capabilities(
        interim=False,
        end_of_turn=False,
        continuous=True,
        eager=True,
        languages=_LANGUAGES,
        formats=("pcm/16000",),
    )

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        open_ms: int = 5_000,
        keep_alive_ms: int = 20_000,  # the vendor hangs up after 60 s without sound
        final_ms: int = 1_500,  # a flush of what holds no speech may stay without answer
    ) -> None:
        """`base_url` is the vendor's HTTP origin; its WebSocket is the same with `ws`."""
        # At DEBUG this logger writes each message, transcripts included.
        logging.getLogger("websockets.client").setLevel(logging.INFO)
        root = (base_url or "https://api.sarvam.ai").rstrip("/")
        environment = SarvamAIEnvironment(
            base=root, creative=root, production="ws" + root.removeprefix("http")
        )
        client = AsyncSarvamAI(api_subscription_key=api_key, environment=environment)
        self._streaming: streaming.AsyncSpeechToTextStreamingClient = (
            client.speech_to_text_streaming
        )
        self._open_s = open_ms / 1_000
        self._keep_alive_s, self._final_s = keep_alive_ms / 1_000, final_ms / 1_000

    async def open(self, agent: Agent, language: str) -> SocketEar:
        """An ear of one connection. Raises RecognitionFailed."""
        stack = AsyncExitStack()
        connection = self._streaming.connect(
            language_code=_code(language),
            model=agent.stt.model or MODEL,
            sample_rate="16000",
            input_audio_codec="pcm_s16le",
            vad_signals="true",
            flush_signal="true",
            request_options={"additional_query_parameters": agent.stt.options},
        )
        try:
            async with asyncio.timeout(self._open_s):
                session: Any = await stack.enter_async_context(connection)
        except BROKEN as failure:
            raise failed(RecognitionFailed, NAME, failure) from None
        return SocketEar(
            SarvamWire(session, stack),
            frames_a_message=FRAMES_A_MESSAGE,
            keep_alive_s=self._keep_alive_s,
            final_s=self._final_s,
        )

    async def close(self) -> None:
        """Let go of what the calls shared: nothing, as every ear has its own connection."""


def _code(language: str) -> str:
    """The vendor's code of a language, spoken as in India. Raises RecognitionFailed."""
    spoken = language.partition("-")[0].lower()
    if spoken not in _LANGUAGES:
        raise RecognitionFailed(NAME, "knows the languages of India only", retryable=False)
    return "od-IN" if spoken == "or" else f"{spoken}-IN"
