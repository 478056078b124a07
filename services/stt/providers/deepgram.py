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
from websockets.exceptions import ConnectionClosed, WebSocketException

from contracts.agent import Agent
from services.stt.provider import Capabilities, Heard, RecognitionFailed

with warnings.catch_warnings():
    # The SDK speaks through `websockets.legacy`, which announces its age when it is imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    from deepgram import AsyncDeepgramClient
    from deepgram.core.api_error import ApiError
    from deepgram.environment import DeepgramClientEnvironment
    from deepgram.listen.v1.client import AsyncV1Client
    from deepgram.listen.v1.socket_client import AsyncV1SocketClient

NAME: Final = "deepgram"
MODEL: Final = "nova-3"
FRAMES_A_MESSAGE: Final = 3  # 60 ms: a third of the messages for 20 ms more wait on average
WAITING_FRAMES: Final = 250  # 5 s; what is older helps no conversation
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
            raise _failed(failure) from None
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
        self._turn = _Turn()
        self._asked = self._answered = 0  # finals asked for by `finish`, and given since
        self._tasks = {asyncio.create_task(self._send()), asyncio.create_task(self._listen())}
        self._closing: asyncio.Task[None] | None = None

    def feed(self, frame: bytes) -> None:
        """Take 20 ms of mu-law, 8 kHz. The oldest frame goes when 5 s of them wait."""
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
            self._heard.put_nowait(_failed(failure))
        finally:
            self._heard.put_nowait(None)

    def _take(self, message: object) -> None:
        # By the message's own type: the SDK may give it the class of another one.
        match getattr(message, "type", None):
            case "Results":
                self._take_results(msgspec.convert(message, _Results, from_attributes=True))
            case "UtteranceEnd" if self._turn.final_words:
                self._give_final()
            case "UtteranceEnd" if self._turn.draft:
                self._waiting.append(FINISH)  # all words are drafts as yet: have them settled
                self._wake.set()
            case "Error":
                raise RecognitionFailed(NAME, "refused", retryable=False)

    def _take_results(self, results: "_Results") -> None:
        changed = self._turn.take(results)
        owed = results.from_finalize and self._answered < self._asked
        if owed or (_ends_turn(results) and self._turn.final_words):
            self._give_final()
        elif changed:
            self._heard.put_nowait(self._turn.heard(final=False))

    def _give_final(self) -> None:
        self._answered = min(self._answered + 1, self._asked)
        self._heard.put_nowait(self._turn.heard(final=True))
        self._turn = _Turn()

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


class _Alternative(msgspec.Struct):
    transcript: str
    confidence: float | None = None
    languages: list[str] | None = None


class _Channel(msgspec.Struct):
    alternatives: list[_Alternative]


class _Results(msgspec.Struct):
    """The part of a Results message that matters; the SDK checks none of it."""

    channel: _Channel
    is_final: bool | None = None  # the words of this stretch of audio will not change
    speech_final: bool | None = None  # the speaker has paused
    from_finalize: bool | None = None  # the answer to Finalize


class _Turn:
    """Words of the present turn: the vendor sends it in stretches, each drafted then final."""

    def __init__(self) -> None:
        self.final_words: list[_Alternative] = []
        self.draft = ""
        self._language = ""

    def take(self, results: _Results) -> bool:
        """Add a message; True when the turn's text changed."""
        before = self._text()
        best = next(iter(results.channel.alternatives), _Alternative(""))
        self._language = next(iter(best.languages or ()), self._language)
        self.draft = "" if results.is_final else best.transcript
        if results.is_final and best.transcript:
            self.final_words.append(best)
        return self._text() != before

    def heard(self, *, final: bool) -> Heard:
        return Heard(
            text=self._text(), final=final, confidence=self._confidence(), language=self._language
        )

    def _text(self) -> str:
        words = (*(stretch.transcript for stretch in self.final_words), self.draft)
        return " ".join(text for text in words if text)

    def _confidence(self) -> float:
        """Mean of the stretches', weighted by their length; 1.0 where none is given."""
        rated = [(s.confidence, len(s.transcript)) for s in self.final_words if s.confidence]
        letters = sum(length for _, length in rated)
        return sum(rate * length for rate, length in rated) / letters if letters else 1.0


def _ends_turn(results: _Results) -> bool:
    return bool(results.speech_final or results.from_finalize)


def _environment(root: str) -> DeepgramClientEnvironment:
    socket = "ws" + root.removeprefix("http")
    return DeepgramClientEnvironment(base=root, production=socket, agent=socket, agent_rest=root)


def _failed(failure: Exception) -> RecognitionFailed:
    kind, retryable = _kind(failure)
    return RecognitionFailed(NAME, kind, retryable=retryable)


def _kind(failure: Exception) -> tuple[str, bool]:
    match failure:
        case ApiError(status_code=status):
            return _kind_of_status(status or 0)
        case ConnectionClosed(rcvd=close):
            return _kind_of_close(close.code if close else 0)
        case TimeoutError():
            return "timeout", True
        case OSError():
            return "unreachable", True
        case _:
            return "garbled", True


def _kind_of_status(status: int) -> tuple[str, bool]:
    """Of the refused upgrade."""
    match status:
        case 401 | 403:
            return "unauthorized", False
        case 402:
            return "quota", False
        case 429:
            return "rate_limited", True
        case _ if status >= 500:
            return "unavailable", True
        case _:
            return "refused", False


def _kind_of_close(code: int) -> tuple[str, bool]:
    """https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors"""
    match code:
        case 1008:
            return "refused", False  # DATA-0000: what we sent is no audio to it
        case 1011:
            return "unavailable", True  # NET-0000 internal, NET-0001 nothing sent for 10 s
        case _:
            return "disconnected", True
