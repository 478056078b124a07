"""A vendor's connections, kept open between sentences, so that none waits for a handshake."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import aclosing
from typing import Generic, TypeVar

from contracts.dialog import Voice
from services.tts.provider import Piece, SynthesisError
from services.tts.providers.voice_socket import VoiceSocket

AnySocket = TypeVar("AnySocket", bound=VoiceSocket)


class Sockets(Generic[AnySocket]):
    """A vendor's open connections, each kind under a key of its own."""

    def __init__(
        self, connect: Callable[[Voice], Awaitable[AnySocket]], key: Callable[[Voice], Hashable]
    ) -> None:
        """`connect` raises SynthesisError. Voices of one `key` can share a connection."""
        self._connect, self._key = connect, key
        self._sockets: dict[Hashable, list[AnySocket]] = {}

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Piece]:
        """As TextToSpeech.speak, on a connection with room, or on a new one.

        One that broke while it was kept is replaced, and nobody notices. Raises SynthesisError.
        """
        kept = self._with_room(voice)
        if kept is not None:
            heard = False
            try:
                async with aclosing(kept.speak(text, voice)) as pieces:
                    async for piece in pieces:
                        heard = True
                        yield piece
                return
            except SynthesisError as failure:
                if heard or failure.kind != "disconnected":
                    raise
        async with aclosing((await self._open(voice)).speak(text, voice)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        """Hang up on all."""
        sockets, self._sockets = self._sockets, {}
        await asyncio.gather(*(one.close() for some in sockets.values() for one in some))

    def _with_room(self, voice: Voice) -> AnySocket | None:
        """The one in use most: so the others come to rest when there is less to say."""
        key = self._key(voice)
        alive = [one for one in self._sockets.get(key, ()) if not one.over]
        self._sockets[key] = alive
        return next((one for one in alive if one.has_room), None)

    async def _open(self, voice: Voice) -> AnySocket:
        socket = await self._connect(voice)
        self._sockets.setdefault(self._key(voice), []).append(socket)
        return socket
