"""Cartesia's recognition with turns of its own (Ink) through its own SDK.

protocol  https://docs.cartesia.ai/api-reference/stt/turns/websocket
          https://docs.cartesia.ai/use-the-api/stt/turns
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec
from cartesia import AsyncCartesia
from cartesia.resources.stt.auto_finalize import AsyncAutoFinalizeResourceConnection
from websockets.exceptions import WebSocketException

from contracts.agent import Agent, Turns
from infra import socket_failures
from infra.direct_socket import SDK_OPTIONS
from infra.refusals import refused
from services.audio.frames import FRAME_MS, SILENT_FRAME
from services.stt.provider import Capabilities, Heard, RecognitionFailed
from services.stt.providers.model_turn import ModelTurn
from services.stt.providers.socket_ear import SocketEar
from services.stt.turn import PATIENCE_MS

NAME: Final = "cartesia"
MODEL: Final = "ink-2"
FRAMES_A_MESSAGE: Final = 4  # 80 ms; the vendor's examples have 100
END_TIMEOUT_MS: Final = (640, 11_200)  # the least and the most the vendor takes


class Cartesia:
    """Ink for many calls; each ear is a WebSocket of its own.

    `agent.stt.options` goes into the request as it is: `turn_end_threshold`, `keyterm`... Likely
    ends of a turn are told only where it has `turn_eager_end_threshold`, since an answer prepared
    in vain costs as much as one that is spoken.
    """

    name = NAME
    capabilities = Capabilities(
        interim=True, end_of_turn=True, continuous=True, eager=True, languages=("en",)
    )

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        open_ms: int = 5_000,
        keep_alive_ms: int = 60_000,  # the vendor closes what is idle for 5 minutes
        final_ms: int = 1_000,  # outside of a turn no silence is answered
    ) -> None:
        """`base_url` is the vendor's HTTP origin; its WebSocket is the same with `ws`."""
        for logger in ("websockets.client", "cartesia.resources.stt.auto_finalize"):
            # At DEBUG these write each message, transcripts included.
            logging.getLogger(logger).setLevel(logging.INFO)
        self._client = AsyncCartesia(api_key=api_key, base_url=base_url, max_retries=0)
        self._open_s = open_ms / 1_000
        self._keep_alive_s, self._final_s = keep_alive_ms / 1_000, final_ms / 1_000

    async def open(self, agent: Agent, language: str) -> SocketEar:
        """An ear of one connection. Raises RecognitionFailed."""
        options = {"turn_end_timeout_ms": _end_timeout_ms(agent.turns), **agent.stt.options}
        connection = self._client.stt.auto_finalize.websocket(
            model=agent.stt.model or MODEL,
            encoding="pcm_mulaw",
            sample_rate=8_000,
            extra_query=options,
            websocket_connection_options=SDK_OPTIONS,
        )
        try:
            async with asyncio.timeout(self._open_s):
                session = await connection.enter()
        except (WebSocketException, OSError, ValueError) as failure:
            raise socket_failures.failed(RecognitionFailed, NAME, failure) from None
        wire = InkWire(
            session,
            end_timeout_ms=int(options["turn_end_timeout_ms"]),
            eager="turn_eager_end_threshold" in options,
        )
        return SocketEar(
            wire,
            frames_a_message=FRAMES_A_MESSAGE,
            keep_alive_s=self._keep_alive_s,
            final_s=self._final_s,
        )

    async def close(self) -> None:
        """Let go of what the calls shared."""
        await self._client.close()


class Event(msgspec.Struct):
    """The part of the vendor's messages that matters."""

    type: str
    transcript: str = ""  # of the turn, so far
    status_code: int = 0  # of an error


class InkWire:
    """The turn whole with each message, and its likely and sure end. No confidence is given."""

    def __init__(
        self, session: AsyncAutoFinalizeResourceConnection, *, end_timeout_ms: int, eager: bool
    ) -> None:
        self._session, self._eager = session, eager
        self._silent_messages = -(-end_timeout_ms // (FRAME_MS * FRAMES_A_MESSAGE))
        self._turn = ModelTurn()

    async def send(self, audio: bytes) -> None:
        """Send some frames, never none."""
        await self._session.send_raw(audio)

    async def finish(self) -> None:
        """Send so much silence that the turn is over: no other word for it is understood."""
        for _ in range(self._silent_messages):
            await self.keep_alive()

    async def keep_alive(self) -> None:
        """Nothing was sent for a while: a little silence, too short to end a turn."""
        await self._session.send_raw(SILENT_FRAME * FRAMES_A_MESSAGE)

    async def receive(self) -> bytes:
        """The vendor's next message."""
        return await self._session.recv_bytes()

    async def hear(self, message: bytes, *, asked: bool) -> Sequence[Heard]:
        """What a message tells. Raises RecognitionFailed."""
        event = msgspec.json.decode(message, type=Event)
        match event.type:
            case "turn.update":
                return self._turn.draft(Heard(text=event.transcript))
            case "turn.eager_end":
                return self._turn.draft(Heard(text=event.transcript, eager=self._eager))
            case "turn.resume":
                return self._turn.resumed()
            case "turn.end":
                return self._turn.over(Heard(text=event.transcript), asked=asked)
            case "error":
                raise refused(RecognitionFailed, NAME, event.status_code, {})
            case _:  # connected, turn.start
                return ()

    def conclude(self) -> Heard:
        """The final of what was said until now."""
        return self._turn.conclude()

    def failed(self, failure: Exception) -> RecognitionFailed:
        """What to raise `from None` in place of the SDK's own failure."""
        return socket_failures.failed(RecognitionFailed, NAME, failure)

    async def hang_up(self) -> None:
        """Close; what is still being recognised is wanted by nobody."""
        with suppress(WebSocketException, OSError):  # gone already, which is what is wanted
            await self._session.close()

    def cut(self) -> None:
        """Close at once."""
        # The SDK gives no other way to shorten its wait of up to 10 s for a dead peer.
        self._session._connection.transport.abort()


def _end_timeout_ms(turns: Turns) -> int:
    """Silence that ends a turn for the vendor as it would for us."""
    least, most = END_TIMEOUT_MS
    return min(max(turns.stop_ms + turns.silence_ms + PATIENCE_MS, least), most)
