"""A connection to Deepgram through its own SDK, as listen v1 and v2 have it in common."""

import asyncio
import logging
import warnings
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from typing import Any, Generic, TypeVar

from websockets.exceptions import WebSocketException

from infra.direct_socket import make_direct
from infra.socket_failures import BROKEN, failed
from services.stt.provider import RecognitionFailed

with warnings.catch_warnings():
    # The SDK imports `websockets.legacy`, which announces its age, and then does not use it.
    warnings.simplefilter("ignore", DeprecationWarning)
    from deepgram import AsyncDeepgramClient
    from deepgram.environment import DeepgramClientEnvironment
    from deepgram.listen.v1 import client as v1
    from deepgram.listen.v1.socket_client import AsyncV1SocketClient
    from deepgram.listen.v2 import client as v2
    from deepgram.listen.v2.socket_client import AsyncV2SocketClient

make_direct(v1, v2)

AnySession = TypeVar("AnySession", AsyncV1SocketClient, AsyncV2SocketClient)


def listen_v1(api_key: str, base_url: str | None) -> v1.AsyncV1Client:
    """Nova. `base_url` is the vendor's HTTP origin; its WebSocket is the same with `ws`."""
    listen: v1.AsyncV1Client = _client(api_key, base_url).listen.v1
    return listen


def listen_v2(api_key: str, base_url: str | None) -> v2.AsyncV2Client:
    """Flux, likewise."""
    listen: v2.AsyncV2Client = _client(api_key, base_url).listen.v2
    return listen


def _client(api_key: str, base_url: str | None) -> AsyncDeepgramClient:
    # At DEBUG this logger writes each message, transcripts included.
    logging.getLogger("websockets.client").setLevel(logging.INFO)
    root = (base_url or "https://api.deepgram.com").rstrip("/")
    socket = "ws" + root.removeprefix("http")
    environment = DeepgramClientEnvironment(
        base=root, production=socket, agent=socket, agent_rest=root
    )
    return AsyncDeepgramClient(api_key=api_key, environment=environment)


async def connect(
    name: str,
    connection: AbstractAsyncContextManager[AnySession] | AsyncIterator[AnySession],
    open_s: float,
) -> tuple[AnySession, AsyncExitStack]:
    """Open what the SDK's `connect` gives. Raises RecognitionFailed."""
    assert isinstance(connection, AbstractAsyncContextManager)  # the SDK's types say otherwise
    stack = AsyncExitStack()
    try:
        async with asyncio.timeout(open_s):
            return await stack.enter_async_context(connection), stack
    except BROKEN as failure:
        raise failed(RecognitionFailed, name, failure) from None


class DeepgramLine(Generic[AnySession]):
    """What both versions' wires do alike."""

    def __init__(self, name: str, session: AnySession, stack: AsyncExitStack) -> None:
        self._name, self._stack = name, stack
        self._session: AnySession = session

    async def send(self, audio: bytes) -> None:
        """Send some frames, never none: an empty message would close the stream."""
        await self._session.send_media(audio)

    async def receive(self) -> Any:
        """The vendor's next message."""
        return await self._session.recv()

    def failed(self, failure: Exception) -> RecognitionFailed:
        """What to raise `from None` in place of the SDK's own failure.

        1008 is DATA-0000, what we sent is no audio to it; 1011 is NET-0000, or NET-0001: nothing
        sent for 10 s.
        https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors
        """
        return failed(RecognitionFailed, self._name, failure)

    async def hang_up(self) -> None:
        """Say goodbye and wait for the vendor to close."""
        with suppress(WebSocketException, OSError):  # gone already, which is what is wanted
            await self._session.send_close_stream()
        with suppress(WebSocketException, OSError):
            await self._stack.aclose()

    def cut(self) -> None:
        """Close at once."""
        # The SDK gives no other way, and saying goodbye may wait for a peer that takes nothing.
        self._session._websocket.transport.abort()
