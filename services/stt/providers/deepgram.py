"""Deepgram's live recognition (listen v1, Nova) through its own SDK.

protocol  https://developers.deepgram.com/reference/speech-to-text/listen-streaming
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

import msgspec

from contracts.agent import Agent
from services.stt.provider import Capabilities, Heard, RecognitionFailed
from services.stt.providers import deepgram_line
from services.stt.providers.deepgram_turn import DeepgramTurn, Results
from services.stt.providers.socket_ear import SocketEar

if TYPE_CHECKING:
    from deepgram.listen.v1.socket_client import AsyncV1SocketClient

NAME: Final = "deepgram"
MODEL: Final = "nova-3"
FRAMES_A_MESSAGE: Final = 3  # 60 ms: a third of the messages for 20 ms more wait on average
STALLED_FRAMES: Final = 50  # 1 s: to so much sound the vendor says at least that it is silence


class Deepgram:
    """Deepgram for many calls; each ear is a WebSocket of its own.

    `agent.stt.options` goes into the request as it is, for example `keyterm = ["Ostermann"]`.
    """

    name = NAME
    capabilities = Capabilities(
        interim=True, end_of_turn=True, continuous=True, eager=False, word_times=True
    )

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        open_ms: int = 5_000,
        keep_alive_ms: int = 4_000,  # the vendor hangs up after 10 s without audio or KeepAlive
        final_ms: int = 1_000,  # the vendor may leave a Finalize without answer
    ) -> None:
        """`base_url` is the vendor's HTTP origin; its WebSocket is the same with `ws`."""
        self._listen = deepgram_line.listen_v1(api_key, base_url)
        self._open_s = open_ms / 1_000
        self._keep_alive_s, self._final_s = keep_alive_ms / 1_000, final_ms / 1_000

    async def open(self, agent: Agent, language: str) -> SocketEar:
        """An ear of one connection. Raises RecognitionFailed."""
        connection = self._listen.connect(
            model=agent.stt.model or MODEL,
            language=language or None,
            encoding="mulaw",
            sample_rate=8_000,
            channels=1,
            interim_results="true",
            smart_format="true",
            endpointing=max(agent.turns.silence_ms, 10),
            utterance_end_ms=max(agent.turns.silence_ms, 1_000),  # the least the vendor takes
            request_options={"additional_query_parameters": agent.stt.options},
        )
        session, stack = await deepgram_line.connect(NAME, connection, self._open_s)
        return SocketEar(
            NovaWire(session, stack),
            frames_a_message=FRAMES_A_MESSAGE,
            keep_alive_s=self._keep_alive_s,
            final_s=self._final_s,
            stalled_frames=STALLED_FRAMES,
        )

    async def close(self) -> None:
        """Let go of what the calls shared: nothing, as every ear has its own connection."""


class NovaWire(deepgram_line.DeepgramLine["AsyncV1SocketClient"]):
    """Listen v1: a turn comes in stretches, and is over by a pause, or when it is asked for."""

    def __init__(self, session: "AsyncV1SocketClient", stack: AsyncExitStack) -> None:
        super().__init__(NAME, session, stack)
        self._turn = DeepgramTurn()

    async def finish(self) -> None:
        """Ask for the final words of what was sent."""
        await self._session.send_finalize()

    async def keep_alive(self) -> None:
        """Nothing was sent for a while."""
        await self._session.send_keep_alive()

    async def hear(self, message: Any, *, asked: bool) -> Sequence[Heard]:
        """What a message tells. Raises RecognitionFailed."""
        # By the message's own type: the SDK may give it the class of another one.
        match getattr(message, "type", None):
            case "Results":
                results = msgspec.convert(message, Results, from_attributes=True)
                return self._hear_results(results, asked=asked)
            case "UtteranceEnd" if self._turn.final_words:
                return (self.conclude(),)
            case "UtteranceEnd" if self._turn.draft:
                await self.finish()  # all words are drafts as yet: have them settled
            case "Error":
                raise RecognitionFailed(NAME, "refused", retryable=False)
        return ()

    def _hear_results(self, results: Results, *, asked: bool) -> Sequence[Heard]:
        changed = self._turn.take(results)
        owed = results.from_finalize and asked
        if owed or (results.ends_turn and self._turn.final_words):
            return (self.conclude(),)
        return (self._turn.heard(final=False),) if changed else ()

    def conclude(self) -> Heard:
        """The final of what was said until now; a new turn begins."""
        turn, self._turn = self._turn, DeepgramTurn()
        return turn.heard(final=True)
