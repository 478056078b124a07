"""A caller's telephone and the carrier behind it, as Twilio does it.

When the media socket closes, the carrier asks the `<Connect action>` address what to do, and obeys
(https://www.twilio.com/docs/voice/twiml/connect). What was in its buffer then is never heard.
"""

import asyncio
import contextlib
import random
import re
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from xml.etree import ElementTree

import aiohttp

from loadtest.chaos.media import ACCOUNT, MediaLine
from loadtest.chaos.sentences import Leg, Story

_ANSWER_S: Final = 3.0  # a gateway that takes longer is given up for another
_TRIES_S: Final = 20.0  # how long a carrier goes on asking before it gives a call up
_PAUSE_S: Final = 0.25

Gateways = Callable[[], Sequence[str]]  # those a load balancer would try, in any order


class Order(NamedTuple):
    """What TwiML tells the carrier to do next. Both addresses empty: hang up."""

    media_url: str = ""
    action_url: str = ""  # asked once the media socket is closed
    parameters: dict[str, str] = {}
    ask_url: str = ""  # to be asked anew after a pause
    pause_s: float = 0.0


class Telephone:
    """One call from its ring to its end. `run` it; talk and listen meanwhile."""

    def __init__(self, gateways: Gateways, agent: str, story: Story, chance: random.Random) -> None:
        self.story: Final = story
        self.ended: Final = asyncio.Event()
        self._gateways, self._agent, self._chance = gateways, agent, chance
        self._sid = f"CA{secrets.token_hex(16)}"
        self._hanging_up = False
        self._line: MediaLine | None = None

    @property
    def up(self) -> bool:
        """Connected: sound goes both ways."""
        return self._line is not None and not self._line.over

    @property
    def up_s(self) -> float:
        """When the line last came up; UNIX time. 0: never."""
        return self.story.legs[-1].up_s if self.story.legs else 0.0

    @property
    def heard_s(self) -> float:
        """When agent audio was last played on this line; UNIX time. 0: never."""
        return self._line.heard_s if self._line else 0.0

    @property
    def playing(self) -> bool:
        """The agent is in the caller's ear."""
        return self._line is not None and self._line.playing

    async def say(self, frames: Sequence[bytes]) -> bool:
        """Speak in real time. False when the line broke before the last frame was out."""
        return self._line is not None and await self._line.say(frames)

    async def hang_up(self) -> None:
        """End the call by the caller's wish."""
        self._hanging_up = True
        while not self.ended.is_set():
            if self._line and not self._line.over:
                return await self._line.hang_up(self._sid)
            await asyncio.sleep(_PAUSE_S)  # the line may just be changing its gateway

    async def run(self) -> None:
        """Ring, and do what the platform says until the call is over."""
        try:
            async with aiohttp.ClientSession() as http:
                await self._obey(http, await self._ask(http, f"/twilio/voice?agent={self._agent}"))
        finally:
            self.story.ended = self.story.ended or ("hung_up" if self._hanging_up else "failed")
            self.story.ended_s = time.time()
            self.ended.set()

    async def _obey(self, http: aiohttp.ClientSession, order: Order) -> None:
        while not self._hanging_up:
            if order.media_url:
                await self._connect(http, order)
                order = await self._ask(http, _path(order.action_url))
            elif order.ask_url:
                await asyncio.sleep(order.pause_s)
                order = await self._ask(http, _path(order.ask_url))
            else:
                self.story.ended = self.story.ended or "the platform hung up"
                return

    async def _ask(self, http: aiohttp.ClientSession, path: str) -> Order:
        """A webhook, at whichever gateway answers: behind one address are all of them."""
        form = {"CallSid": self._sid, "AccountSid": ACCOUNT, "From": "+15550123"}
        form |= {"To": "+15550100", "Direction": "inbound", "CallStatus": "in-progress"}
        deadline_s = time.monotonic() + _TRIES_S
        while time.monotonic() < deadline_s and not self._hanging_up:
            for url in self._tried():
                with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
                    async with http.post(url + path, data=form, timeout=timeout) as answer:
                        if answer.status == 200:
                            return read_twiml(await answer.text())
            await asyncio.sleep(_PAUSE_S)
        self.story.ended = "" if self._hanging_up else "no gateway answered"
        return Order()

    async def _connect(self, http: aiohttp.ClientSession, order: Order) -> None:
        """Connect the media at any gateway, and stay until the socket closes."""
        for url in self._tried():
            address = re.sub("^http", "ws", url) + _path(order.media_url)
            try:
                async with asyncio.timeout(_ANSWER_S):
                    socket = await http.ws_connect(address, max_msg_size=1 << 20)
            except (aiohttp.ClientError, TimeoutError, OSError):
                continue
            async with socket:
                await self._hold(socket, url, order.parameters)
            return

    async def _hold(
        self, socket: aiohttp.ClientWebSocketResponse, gateway: str, parameters: dict[str, str]
    ) -> None:
        self.story.call = parameters.get("call", self.story.call)
        leg = Leg(number=len(self.story.legs) + 1, gateway=gateway, up_s=time.time())
        self.story.legs.append(leg)
        self._line = MediaLine(socket, leg, self.story.heard)
        try:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                await self._line.hold(self._sid, parameters)
        finally:
            leg.down_s, leg.broke = time.time(), not self._hanging_up

    def _tried(self) -> list[str]:
        urls = list(self._gateways())
        self._chance.shuffle(urls)
        return urls


def read_twiml(document: str) -> Order:
    """The first thing of a document that decides what comes next."""
    root = ElementTree.fromstring(document)
    stream, connect = root.find("./Connect/Stream"), root.find("./Connect")
    if stream is not None and connect is not None:
        parameters = {p.get("name", ""): p.get("value", "") for p in stream.findall("Parameter")}
        return Order(stream.get("url", ""), connect.get("action", ""), parameters)
    again, pause = root.find("./Redirect"), root.find("./Pause")
    pause_s = float(pause.get("length", "1")) if pause is not None else 0.0
    return Order(ask_url=(again.text or "") if again is not None else "", pause_s=pause_s)


def _path(url: str) -> str:
    """Past the public origin: here the gateways themselves are asked."""
    return re.sub(r"^\w+://[^/]+", "", url)
