"""What the vendors' sockets for speech have in common: clients, the texts they ask for, scripts."""

import asyncio
import json
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from aiohttp import WSMsgType, web
from vendors.serving import Received, break_off
from vendors.strict import Vendor


class Client(Received):
    """One connection, as the vendor sees it."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        super().__init__()
        self.query = request.query
        self.messages: list[dict[str, Any]] = []
        self.texts: dict[str, Speaking] = {}  # asked for and not done
        self.waiting: dict[str, str] = {}  # text that came and is not spoken yet, by context
        self.close_code: int | None = None  # the client's, or ours when we closed
        self.request, self._socket = request, socket

    @property
    def gone(self) -> bool:
        return self.close_code is not None

    async def say(self, message: dict[str, Any]) -> None:
        await self._socket.send_json(message)

    async def say_raw(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            await self._socket.send_str(message)

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code=code, message=reason.encode())

    def break_off(self) -> None:
        break_off(self.request)


class Speaking(Received):
    """One text, and the script's means to speak it."""

    def __init__(self, client: Client, id: str, text: str, vendor: "VoiceVendor") -> None:
        super().__init__()
        self.client, self.id, self.text = client, id, text
        self.sound_ms = 0.0  # sent so far
        self.given_up = False  # the client wants no more of it
        self.closed = False  # the client sends no more for it
        self.task: asyncio.Task[None] | None = None
        self._vendor = vendor

    async def audio(self, piece: bytes, said: str = "") -> None:
        """Send mu-law in which `said` is spoken, each character as long as any other."""
        await self._vendor.send_audio(self, piece, said)
        self.sound_ms += len(piece) / 8

    async def unwanted(self) -> None:
        """Wait until the client gave it up or is gone."""
        await self.until(lambda: self.given_up or self.client.gone)

    async def give_up(self) -> None:
        """The client wants no more of it."""
        self.given_up = True
        await self.grew()
        if self.task is not None and self.task is not asyncio.current_task():
            self.task.cancel()
            await asyncio.wait({self.task})


Script = Callable[[Speaking], Awaitable[None]]


class VoiceVendor(Vendor[web.Request]):
    """Speaks each text by `script`, which may be set late. Seconds may be made shorter."""

    path: str  # of its address

    def __init__(self) -> None:
        super().__init__()
        self.script: Script = a_short_tone
        self.second_s = 1.0
        self.clients: list[Client] = []
        self.asked: list[Speaking] = []  # all texts, in order

    def routes(self) -> list[web.RouteDef]:
        """Where it is to be found."""
        return [web.get(self.path, self.answer)]

    @abstractmethod
    def idle_s(self, client: Client) -> float:
        """After so long without a message the vendor hangs up."""

    @abstractmethod
    async def greet(self, client: Client) -> None:
        """What is said to a new client."""

    @abstractmethod
    async def idle(self, client: Client) -> None:
        """Hang up on a client that was silent for long."""

    @abstractmethod
    async def take(self, client: Client, message: dict[str, Any]) -> None:
        """One message of a client."""

    @abstractmethod
    async def reject(self, client: Client, reason: str) -> None:
        """Answer what the vendor would not take, as it does."""

    @abstractmethod
    async def send_audio(self, speaking: Speaking, piece: bytes, said: str) -> None:
        """Some of a text's sound, as the vendor packs it."""

    @abstractmethod
    async def finished(self, speaking: Speaking) -> None:
        """The script has spoken all of a text."""

    async def serve(self, accepted: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(timeout=1.0, compress=False)
        await socket.prepare(accepted)
        client = Client(accepted, socket)
        self.clients.append(client)
        try:
            await self.greet(client)
            await self._read(client, socket)
        except ConnectionError:
            pass  # the client broke off while it was being answered
        finally:
            client.close_code = socket.close_code or 1006
            await client.grew()
            for speaking in list(client.texts.values()):
                await speaking.give_up()
        return socket

    async def violated(self, client: Client, reason: str) -> None:
        """The real vendor would not have taken this."""
        self.violations.append(reason)
        await self.reject(client, reason)

    def speak(self, client: Client, id: str, text: str) -> Speaking:
        """Let the script speak a text."""
        speaking = Speaking(client, id, text, self)
        client.texts[id] = speaking
        self.asked.append(speaking)
        speaking.task = asyncio.create_task(self._spoken(speaking))
        return speaking

    async def _spoken(self, speaking: Speaking) -> None:
        try:
            await self.script(speaking)
            await self.finished(speaking)
        except ConnectionError:
            pass  # the client is gone
        except Exception as failure:
            self.violations.append(f"the script failed: {failure!r}")

    async def _read(self, client: Client, socket: web.WebSocketResponse) -> None:
        while not socket.closed:
            try:
                received = await socket.receive(timeout=self.idle_s(client))
            except TimeoutError:
                return await self.idle(client)
            if received.type is WSMsgType.TEXT:
                message = _object(received.data)
                client.messages.append(message)
                await self.take(client, message)
                await client.grew()
            elif received.type is WSMsgType.BINARY:
                await self.violated(client, "a binary message")


def said_in(pieces: Sequence[bytes], text: str) -> Iterator[tuple[bytes, str]]:
    """Each piece of a text's sound with the letters in it, as if all took as long."""
    total, before = sum(map(len, pieces)), 0
    for piece in pieces:
        first, last = (round(len(text) * at / total) for at in (before, before + len(piece)))
        before += len(piece)
        yield piece, text[first:last]


async def a_short_tone(speaking: Speaking) -> None:
    await speaking.audio(b"\x55" * 1_600, speaking.text)


def _object(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
