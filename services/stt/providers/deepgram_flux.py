"""Deepgram's recognition with turns of its own (listen v2, Flux) through its own SDK.

protocol  https://developers.deepgram.com/docs/flux/state
          https://developers.deepgram.com/docs/flux/force-end-turn
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

import msgspec

from contracts.agent import Agent
from services.audio.frames import SILENT_FRAME
from services.stt.provider import Capabilities, Heard, RecognitionFailed
from services.stt.providers import deepgram_line
from services.stt.providers.model_turn import ModelTurn
from services.stt.providers.socket_ear import SocketEar

if TYPE_CHECKING:
    from deepgram.listen.v2.socket_client import AsyncV2SocketClient

NAME: Final = "deepgram-flux"
ENGLISH: Final = "flux-general-en"
MULTILINGUAL: Final = "flux-general-multi"
LANGUAGES: Final = ("en", "es", "fr", "de", "hi", "ru", "pt", "ja", "it", "nl")
FRAMES_A_MESSAGE: Final = 4  # 80 ms, as the vendor advises


class DeepgramFlux:
    """Flux for many calls; each ear is a WebSocket of its own.

    `agent.stt.options` goes into the request as it is: `eot_threshold`, `eot_timeout_ms`,
    `keyterm`... Likely ends of a turn are told only where it has `eager_eot_threshold`, since an
    answer prepared in vain costs as much as one that is spoken.
    """

    name = NAME
    capabilities = Capabilities(
        interim=True,
        end_of_turn=True,
        continuous=True,
        eager=True,
        word_times=True,
        languages=LANGUAGES,
    )

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        open_ms: int = 5_000,
        keep_alive_ms: int = 4_000,  # v2 has no KeepAlive, and hangs up after 10 s without audio
        final_ms: int = 1_000,  # outside of a turn the vendor leaves a ForceEndTurn without answer
    ) -> None:
        """`base_url` is the vendor's HTTP origin; its WebSocket is the same with `ws`."""
        self._listen = deepgram_line.listen_v2(api_key, base_url)
        self._open_s = open_ms / 1_000
        self._keep_alive_s, self._final_s = keep_alive_ms / 1_000, final_ms / 1_000

    async def open(self, agent: Agent, language: str) -> SocketEar:
        """An ear of one connection. Raises RecognitionFailed."""
        model = agent.stt.model or (ENGLISH if language[:2] in ("", "en") else MULTILINGUAL)
        connection = self._listen.connect(
            model=model,
            language_hint=[language] if model == MULTILINGUAL and language else None,
            encoding="mulaw",
            sample_rate=8_000,
            request_options={"additional_query_parameters": agent.stt.options},
        )
        session, stack = await deepgram_line.connect(NAME, connection, self._open_s)
        return SocketEar(
            FluxWire(session, stack),
            frames_a_message=FRAMES_A_MESSAGE,
            keep_alive_s=self._keep_alive_s,
            final_s=self._final_s,
        )

    async def close(self) -> None:
        """Let go of what the calls shared: nothing, as every ear has its own connection."""


class Word(msgspec.Struct):
    confidence: float


class TurnInfo(msgspec.Struct):
    """The part of a TurnInfo message that matters; the SDK checks none of it."""

    event: str
    transcript: str  # of the turn, so far
    words: list[Word] = []
    languages: list[str] | None = None  # the most spoken one first


class FluxWire(deepgram_line.DeepgramLine["AsyncV2SocketClient"]):
    """Listen v2: the turn whole with each message, and its likely and sure end."""

    def __init__(self, session: "AsyncV2SocketClient", stack: AsyncExitStack) -> None:
        super().__init__(NAME, session, stack)
        self._turn = ModelTurn()

    async def finish(self) -> None:
        """End the turn here; the vendor answers with EndOfTurn."""
        await self._session.send_force_end_turn()

    async def keep_alive(self) -> None:
        """Nothing was sent for a while: a little silence, too short to end a turn."""
        await self._session.send_media(SILENT_FRAME * FRAMES_A_MESSAGE)

    async def hear(self, message: Any, *, asked: bool) -> Sequence[Heard]:
        """What a message tells. Raises RecognitionFailed."""
        # By the message's own type: the SDK may give it the class of another one.
        match getattr(message, "type", None):
            case "TurnInfo":
                info = msgspec.convert(message, TurnInfo, from_attributes=True)
                return self._hear_of_turn(info, asked=asked)
            case "Error":
                raise _failure(str(getattr(message, "code", "")))
            case _:
                return ()

    def _hear_of_turn(self, info: TurnInfo, *, asked: bool) -> Sequence[Heard]:
        match info.event:
            case "EndOfTurn":
                return self._turn.over(_told(info), asked=asked)
            case "EagerEndOfTurn":
                return self._turn.draft(_told(info, eager=True))
            case "TurnResumed":
                return self._turn.resumed() + self._turn.draft(_told(info))
            case _:  # StartOfTurn, Update
                return self._turn.draft(_told(info))

    def conclude(self) -> Heard:
        """The final of what was said until now."""
        return self._turn.conclude()


def _told(info: TurnInfo, *, eager: bool = False) -> Heard:
    sure = [word.confidence for word in info.words]
    return Heard(
        text=info.transcript,
        eager=eager,
        confidence=sum(sure) / len(sure) if sure else 1.0,
        language=next(iter(info.languages or ()), ""),
    )


def _failure(code: str) -> RecognitionFailed:
    """Of an Error message, after which the vendor closes."""
    if code.startswith(("INTERNAL", "NET-", "SERVICE_UNAVAILABLE")):
        return RecognitionFailed(NAME, "unavailable", retryable=True)
    return RecognitionFailed(NAME, "refused", retryable=False)
