"""ElevenLabs' live recognition (Scribe v2 realtime) through its own SDK.

protocol  https://elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime
          https://elevenlabs.io/docs/developer-guides/cookbooks/speech-to-text/realtime/transcripts-and-commit-strategies
"""

import asyncio
import logging
from typing import Any, Final, cast

from elevenlabs.client import AsyncElevenLabs
from elevenlabs.realtime import scribe
from elevenlabs.realtime.connection import RealtimeConnection, RealtimeEvents
from elevenlabs.realtime.scribe import AudioFormat, CommitStrategy, RealtimeAudioOptions
from websockets.exceptions import WebSocketException

from contracts.agent import Agent
from infra import socket_failures
from infra.direct_socket import make_direct
from services.stt.provider import Capabilities, RecognitionFailed
from services.stt.providers.elevenlabs_wire import FRAMES_A_MESSAGE, NAME, ScribeWire
from services.stt.providers.socket_ear import SocketEar

make_direct(scribe)

MODEL: Final = "scribe_v2_realtime"
_NEWS: Final = (
    RealtimeEvents.SESSION_STARTED,
    RealtimeEvents.PARTIAL_TRANSCRIPT,
    RealtimeEvents.COMMITTED_TRANSCRIPT,
    RealtimeEvents.ERROR,  # the SDK repeats every kind of error as one of these
    RealtimeEvents.CLOSE,
)


class Scribe:
    """Scribe for many calls; each ear is a WebSocket of its own.

    `agent.stt.options` are the SDK's: `keyterms = ["Ostermann"]`, `no_verbatim = true`...
    """

    name = NAME
    # Turns end by our silence: the vendor's own detector decides no sooner. It wants all frames,
    # because it begins to work after 2 s of sound, and again when sound had stopped.
    capabilities = Capabilities(interim=True, end_of_turn=False, continuous=True)

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        open_ms: int = 5_000,
        keep_alive_ms: int = 5_000,
        final_ms: int = 2_000,  # a commit is usually answered within 400 ms
    ) -> None:
        """`base_url` is the vendor's HTTP origin; its WebSocket is the same with `ws`."""
        # At DEBUG this logger writes each message, transcripts included.
        logging.getLogger("websockets.client").setLevel(logging.INFO)
        client = AsyncElevenLabs(api_key=api_key, base_url=base_url or "https://api.elevenlabs.io")
        self._realtime = client.speech_to_text.realtime
        self._open_s = open_ms / 1_000
        self._keep_alive_s, self._final_s = keep_alive_ms / 1_000, final_ms / 1_000

    async def open(self, agent: Agent, language: str) -> SocketEar:
        """An ear of one connection. Raises RecognitionFailed."""
        try:
            async with asyncio.timeout(self._open_s):
                wire = await self._connect(_asked(agent, language))
        except (WebSocketException, OSError, ValueError) as failure:
            raise socket_failures.failed(RecognitionFailed, NAME, failure) from None
        return SocketEar(
            wire,
            frames_a_message=FRAMES_A_MESSAGE,
            keep_alive_s=self._keep_alive_s,
            final_s=self._final_s,
        )

    async def close(self) -> None:
        """Let go of what the calls shared: nothing, as every ear has its own connection."""

    async def _connect(self, options: RealtimeAudioOptions) -> ScribeWire:
        connection = await self._realtime.connect(options)
        wire = ScribeWire(connection, _news_of(connection))
        try:
            await wire.hear(await wire.receive(), asked=False)  # session_started, or why not
        except (RecognitionFailed, asyncio.CancelledError):
            wire.cut()
            await wire.hang_up()
            raise
        return wire


def _news_of(connection: RealtimeConnection) -> asyncio.Queue[Any]:
    """All that comes, in order. What goes wrong in a callback the SDK prints, words and all."""
    news: asyncio.Queue[Any] = asyncio.Queue()
    for event in _NEWS:
        connection.on(event, news.put_nowait)
    return news


def _asked(agent: Agent, language: str) -> RealtimeAudioOptions:
    options: dict[str, Any] = {
        "language_code": language.partition("-")[0],
        **agent.stt.options,
        "model_id": agent.stt.model or MODEL,
        "audio_format": AudioFormat.ULAW_8000,
        "sample_rate": 8_000,
        "commit_strategy": CommitStrategy.MANUAL,
    }
    return cast(RealtimeAudioOptions, options)
