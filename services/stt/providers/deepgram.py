"""Deepgram's live recognition (listen v1, Nova) through its own SDK.

protocol  https://developers.deepgram.com/reference/speech-to-text/listen-streaming
"""

import asyncio
import logging
import warnings
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, suppress
from typing import Final

import msgspec
from websockets.exceptions import WebSocketException

from contracts.agent import Agent
from services.stt.provider import Capabilities, Heard, RecognitionFailed
from services.stt.providers.deepgram_errors import NAME, failed
from services.stt.providers.deepgram_turn import DeepgramTurn, Results

with warnings.catch_warnings():
    # The SDK speaks through `websockets.legacy`, which announces its age when it is imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    from deepgram import AsyncDeepgramClient
    from deepgram.core.api_error import ApiError
    from deepgram.environment import DeepgramClientEnvironment
    from deepgram.listen.v1.client import AsyncV1Client
    from deepgram.listen.v1.socket_client import AsyncV1SocketClient

MODEL: Final = "nova-3"
FRAMES_A_MESSAGE: Final = 3  # 60 ms: a third of the messages for 20 ms more wait on average
WAITING_FRAMES: Final = 750  # 15 s: all a takeover may find of a turn, see services.stt.replay
OPEN_S: Final = 5.0
CLOSE_S: Final = 2.0
FINISH: Final = b""  # stands among the waiting frames; an empty frame would close the stream


class Deepgram:
    """Deepgram for many calls; each ear is a WebSocket of its own.

    `agent.stt.options` goes into the request as it is, for example `keyterm = ["Ostermann"]`.
    """

    name = NAME
    capabilities = Capabilities(interim=True, end_of_turn=True, continuous=True)

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        keep_alive_ms: int = 4_000,  # the vendor hangs up after 10 s without audio or KeepAlive
        final_ms: int = 1_000,  # the vendor may leave a Finalize without answer
    ) -> None:
        """`base_url` is the vendor's HTTP origin; its WebSocket is the same with `ws`."""
        # At DEBUG this logger writes each message, transcripts included.
        logging.getLogger("websockets.client").setLevel(logging.INFO)
        root = (base_url or "https://api.deepgram.com").rstrip("/")
        client = AsyncDeepgramClient(api_key=api_key, environment=_environment(root))
        self._listen: AsyncV1Client = client.listen.v1
        self._keep_alive_s, self._final_s = keep_alive_ms / 1_000, final_ms / 1_000

    async def open(self, agent: Agent, language: str) -> "DeepgramEar":
        """An ear of one connection. Raises RecognitionFailed."""
        stack = AsyncExitStack()
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
        try:
            async with asyncio.timeout(OPEN_S):
                session = await stack.enter_async_context(connection)
        except (ApiError, WebSocketException, OSError, ValueError) as failure:
            raise failed(failure) from None
        return DeepgramEar(session, stack, self._keep_alive_s, self._final_s)

    async def close(self) -> None:
        """Let go of what the calls shared: nothing, as every ear has its own connection."""


class DeepgramEar:
    """One call's connection: a task that sends, a task that listens, and queues between."""

    def __init__(
        self,
        session: AsyncV1SocketClient,
        stack: AsyncExitStack,
        keep_alive_s: float,
        final_s: float,
    ) -> None:
        self.dropped_frames = 0  # given up because the vendor took no more
        self._session, self._stack = session, stack
        self._keep_alive_s, self._final_s = keep_alive_s, final_s
        self._waiting: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._heard: asyncio.Queue[Heard | RecognitionFailed | None] = asyncio.Queue()
        self._turn = DeepgramTurn()
        self._asked = self._answered = 0  # finals asked for by `finish`, and given since
        self._tasks = {asyncio.create_task(self._send()), asyncio.create_task(self._listen())}
        self._closing: asyncio.Task[None] | None = None

    def feed(self, frame: bytes) -> None:
        """Take 20 ms of mu-law, 8 kHz. The oldest frame goes when 15 s of them wait."""
        if not frame:
            return
        if len(self._waiting) >= WAITING_FRAMES:
            self._drop_oldest()
        self._waiting.append(frame)
        if len(self._waiting) >= FRAMES_A_MESSAGE:
            self._wake.set()

    def finish(self) -> None:
        """Ask for the final words of what was fed; they come within `final_ms`, if only empty."""
        self._waiting.append(FINISH)
        self._wake.set()
        self._asked += 1
        asyncio.get_running_loop().call_later(self._final_s, self._settle, self._asked)

    async def heard(self) -> AsyncGenerator[Heard]:
        """What is recognised, until `close`. Raises RecognitionFailed."""
        while (heard := await self._heard.get()) is not None:
            if isinstance(heard, RecognitionFailed):
                raise heard from None
            yield heard

    async def close(self) -> None:
        """Hang up. Waits 2 s for the vendor's goodbye, then cuts the line."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _send(self) -> None:
        with suppress(WebSocketException, OSError):  # the listening task meets it, and reports
            while True:
                await self._something_to_send()
                await self._flush()

    async def _something_to_send(self) -> None:
        with suppress(TimeoutError):  # nothing for a while: a KeepAlive is due
            async with asyncio.timeout(self._keep_alive_s):
                await self._wake.wait()
        self._wake.clear()

    async def _flush(self) -> None:
        if not self._waiting:
            await self._session.send_keep_alive()
        while self._waiting:
            if audio := self._audio_waiting():
                await self._session.send_media(audio)
            else:
                self._waiting.popleft()
                await self._session.send_finalize()

    def _audio_waiting(self) -> bytes:
        """All frames up to the next FINISH, as one message."""
        frames = []
        while self._waiting and self._waiting[0]:
            frames.append(self._waiting.popleft())
        return b"".join(frames)

    def _drop_oldest(self) -> None:
        oldest = next((place for place, item in enumerate(self._waiting) if item), None)
        if oldest is not None:
            del self._waiting[oldest]
            self.dropped_frames += 1

    async def _listen(self) -> None:
        try:
            while True:
                self._take(await self._session.recv())
        except RecognitionFailed as failure:
            self._heard.put_nowait(failure)
        except (WebSocketException, OSError, ValueError) as failure:
            self._heard.put_nowait(failed(failure))
        finally:
            self._heard.put_nowait(None)

    def _take(self, message: object) -> None:
        # By the message's own type: the SDK may give it the class of another one.
        match getattr(message, "type", None):
            case "Results":
                self._take_results(msgspec.convert(message, Results, from_attributes=True))
            case "UtteranceEnd" if self._turn.final_words:
                self._give_final()
            case "UtteranceEnd" if self._turn.draft:
                self._waiting.append(FINISH)  # all words are drafts as yet: have them settled
                self._wake.set()
            case "Error":
                raise RecognitionFailed(NAME, "refused", retryable=False)

    def _take_results(self, results: Results) -> None:
        changed = self._turn.take(results)
        owed = results.from_finalize and self._answered < self._asked
        if owed or (results.ends_turn and self._turn.final_words):
            self._give_final()
        elif changed:
            self._heard.put_nowait(self._turn.heard(final=False))

    def _give_final(self) -> None:
        self._answered = min(self._answered + 1, self._asked)
        self._heard.put_nowait(self._turn.heard(final=True))
        self._turn = DeepgramTurn()

    def _settle(self, asked: int) -> None:
        """The vendor left a `finish` without answer: answer with what it said so far."""
        while self._answered < asked and self._closing is None:
            self._give_final()

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        goodbye = asyncio.create_task(self._goodbye())
        if not (await asyncio.wait({goodbye}, timeout=CLOSE_S))[0]:
            # The SDK gives no other way to shorten its wait of up to 50 s for a dead peer.
            self._session._websocket.transport.abort()
        await goodbye
        for task in self._tasks:
            if not task.cancelled():
                task.result()

    async def _goodbye(self) -> None:
        with suppress(WebSocketException, OSError):  # gone already, which is what is wanted
            await self._session.send_close_stream()
        with suppress(WebSocketException, OSError):
            await self._stack.aclose()


def _environment(root: str) -> DeepgramClientEnvironment:
    socket = "ws" + root.removeprefix("http")
    return DeepgramClientEnvironment(base=root, production=socket, agent=socket, agent_rest=root)
