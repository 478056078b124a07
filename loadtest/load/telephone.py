"""A caller's telephone: rings, holds the line, loses it and comes back, as Twilio does."""

import asyncio
import re
import secrets
from typing import Final

import aiohttp
from picows import WSError

from loadtest.chaos.media import ACCOUNT
from loadtest.chaos.telephone import Order, read_twiml
from loadtest.load.heard import Heard
from loadtest.load.line import Line, connect
from loadtest.load.playout import Playout
from loadtest.load.scenario import Manner

BROKEN: Final = (OSError, aiohttp.ClientError, WSError, TimeoutError)


class Refused(Exception):
    """The call was turned away."""


class Telephone:
    """One call's line. `playout` hears what comes over it."""

    def __init__(
        self, http: aiohttp.ClientSession, ring_url: str, manner: Manner, heard: Heard
    ) -> None:
        """`ring_url`: the webhook; `heard` is told what breaks."""
        self.playout: Final = Playout()
        self._http, self._ring_url, self._manner, self._heard = http, ring_url, manner, heard
        self._sid = f"CA{secrets.token_hex(16)}"
        self._line: Line | None = None
        self._after_url = ""
        self._coming_back: asyncio.Task[None] | None = None
        self._kept: list[bytes] = []  # said and not sent yet

    @property
    def over(self) -> bool:
        """The line is gone, and is not about to come back."""
        gone = self._line is None or self._line.over
        return gone and self._coming_back is None

    @property
    def closed_by_peer(self) -> bool:
        """The other end closed the line."""
        return self._line is not None and self._line.closed_by_peer

    async def ring(self) -> None:
        """Connect. Raises Refused and what is in BROKEN."""
        if self._manner.starts:
            await self._connect(await self._order(self._ring_url))
        else:
            url = self._ring_url.partition("?")[0].replace("/voice", "/media")
            self._line = await connect(_socket(url), self._sid, {}, self.playout, starts=False)

    def say(self, frame: bytes) -> None:
        """20 ms, as base64; empty: nothing."""
        if self._line is None or not frame:
            return
        self._kept.append(frame)
        if len(self._kept) * 20 >= self._manner.bunch_ms:
            kept, self._kept = self._kept, []
            self._heard.said += len(kept)
            for each in kept:
                self._line.say(each)

    def play(self, now_s: float) -> None:
        """Let the buffer be heard up to now."""
        if self._line:
            self._line.play(now_s)

    def press(self, digit: str) -> None:
        """A key."""
        if self._line:
            self._line.press(digit)

    def stop_reading(self) -> None:
        """Take nothing off the socket any more."""
        if self._line:
            self._line.stop_reading()

    def lose_line(self, now_s: float) -> None:
        """The line breaks; the carrier connects anew by itself."""
        if self._line:
            self._line.break_off()
        self.playout.forget(now_s)
        self._coming_back = asyncio.create_task(self._come_back())

    def hang_up(self) -> None:
        """The caller is gone."""
        if self._line and self._manner.starts:
            self._line.hang_up(self._sid)
        elif self._line:
            self._line.leave()

    async def close(self) -> None:
        """Let go of everything."""
        if self._coming_back:
            self._coming_back.cancel()
            await asyncio.gather(self._coming_back, return_exceptions=True)

    async def _come_back(self) -> None:
        try:
            await self._connect(await self._order(self._after_url))
        except Refused:
            self._heard.refused += 1
        except BROKEN as broken:
            self._heard.fault(type(broken).__name__)
        finally:
            self._coming_back = None

    async def _order(self, url: str) -> Order:
        """What is to be done, once the caller has been asked to wait as often as it takes."""
        while (order := await self._ask(url)).ask_url and not order.media_url:
            self._heard.put_off += 1
            await asyncio.sleep(order.pause_s)
            url = order.ask_url
        return order

    async def _ask(self, url: str) -> Order:
        form = {"CallSid": self._sid, "AccountSid": ACCOUNT, "From": "+15550123"}
        form |= {"To": "+15550100", "Direction": "inbound", "CallStatus": "in-progress"}
        async with self._http.post(url, data=form) as answer:
            if answer.status != 200:
                raise Refused(f"status {answer.status}")
            return read_twiml(await answer.text())

    async def _connect(self, order: Order) -> None:
        if not order.media_url:
            raise Refused("the call was not connected")
        self._after_url = order.action_url
        address = _socket(order.media_url)
        self._line = await connect(address, self._sid, order.parameters, self.playout)


def _socket(url: str) -> str:
    return re.sub("^http", "ws", url)
