"""The carrier's end of the wire: webhooks posted and sockets opened as Twilio does.

Several gateways may stand behind the one address that Twilio knows. They are tried in turn, as a
balancer before them would: one that refuses the connection, is silent or answers 503 means the next
one, and is asked last from then on.
https://www.twilio.com/docs/usage/webhooks/webhooks-overview
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, TypeVar
from xml.etree import ElementTree

import aiohttp
from twilio.request_validator import RequestValidator

ACCOUNT: Final = "AC00000000000000000000000000000000"
PATIENCE_S: Final = 15.0  # Twilio's limit for a webhook
_SILENT_S: Final = 4.0  # what our own addresses ask Twilio to wait for an answer
_PAUSE_S: Final = 0.05  # before all gateways are tried once more
_UNAVAILABLE: Final = 503
Got = TypeVar("Got")


class CallRefused(Exception):
    """The gateway did not take the call. Says what it answered."""


class _Unavailable(Exception):
    """This gateway takes nothing now."""


class Verb(NamedTuple):
    """One instruction of a TwiML document."""

    name: str  # Connect, Dial, Hangup, Pause, Redirect, Say
    element: ElementTree.Element

    @property
    def text(self) -> str:
        """What it encloses: words to say, an address, a number."""
        return (self.element.text or "").strip()


class Stream(NamedTuple):
    """What `<Connect><Stream>` asks for."""

    url: str
    parameters: dict[str, str]
    status_url: str  # empty: no reports are wanted
    after_url: str  # empty: the next verb comes after it


def read_twiml(document: str) -> list[Verb]:
    """The document's verbs in order. Raises CallRefused when it is no TwiML."""
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError:
        raise CallRefused("the gateway's answer is not TwiML") from None
    return [Verb(element.tag, element) for element in root]


def stream_of(connect: Verb) -> Stream:
    """What a `<Connect>` connects to. Raises CallRefused when that is no stream."""
    stream = connect.element.find("Stream")
    if stream is None:
        raise CallRefused("the gateway connects the caller to no stream")
    return Stream(
        stream.get("url", ""),
        {p.get("name", ""): p.get("value", "") for p in stream.findall("Parameter")},
        stream.get("statusCallback", ""),
        connect.element.get("action", ""),
    )


class Exchange:
    """One call's webhooks and sockets, sent to whichever gateway takes them."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        urls: Sequence[str],
        auth_token: str,
        form: dict[str, str],
    ) -> None:
        """`urls`: the gateways, http://host:port; `form`: what every webhook of the call says."""
        self._http, self._urls = http, [url.rstrip("/") for url in urls]
        self._sign = RequestValidator(auth_token) if auth_token else None
        self._form = form

    @property
    def first(self) -> str:
        """The first gateway's address: what an address of our own is signed with."""
        return self._urls[0]

    async def post(self, url: str, patience_s: float = PATIENCE_S, **fields: str) -> str:
        """What a webhook is answered. Raises CallRefused; ClientError when nobody is there."""
        url, form = url.partition("#")[0], self._form | fields

        async def ask(gateway: str) -> str:
            address, headers = _at(gateway, url), self._signed(url, form)
            async with self._http.post(address, data=form, headers=headers) as answer:
                if answer.status == _UNAVAILABLE:
                    raise _Unavailable
                if answer.status not in (200, 204):
                    raise CallRefused(f"the gateway answered with status {answer.status}")
                return await answer.text()

        return await self._in_turn(ask, patience_s)

    async def open(self, url: str) -> aiohttp.ClientWebSocketResponse:
        """A media socket. Raises CallRefused; ClientError when nobody is there."""

        async def connect(gateway: str) -> aiohttp.ClientWebSocketResponse:
            address = re.sub("^http", "ws", _at(gateway, url))
            headers = self._signed(url, {})
            try:
                return await self._http.ws_connect(address, headers=headers, max_msg_size=1 << 20)
            except aiohttp.WSServerHandshakeError as refused:
                if refused.status == _UNAVAILABLE:
                    raise _Unavailable from None
                raise CallRefused(f"the socket was refused with {refused.status}") from None

        return await self._in_turn(connect, PATIENCE_S)

    async def _in_turn(self, act: Callable[[str], Awaitable[Got]], patience_s: float) -> Got:
        deadline_s = time.monotonic() + patience_s
        while True:
            failure: Exception = CallRefused("no gateway takes calls just now")
            for gateway in list(self._urls):
                try:
                    async with asyncio.timeout(_SILENT_S):
                        return await act(gateway)
                except (_Unavailable, aiohttp.ClientConnectionError, TimeoutError) as failed:
                    failure = failure if isinstance(failed, _Unavailable) else failed
                    self._urls.remove(gateway)
                    self._urls.append(gateway)
            if time.monotonic() >= deadline_s:
                raise failure
            await asyncio.sleep(_PAUSE_S)

    def _signed(self, url: str, form: dict[str, str]) -> dict[str, str]:
        if self._sign is None:
            return {}
        return {"X-Twilio-Signature": self._sign.compute_signature(url, form)}


def _at(gateway: str, url: str) -> str:
    """`url` on this very gateway, past any proxy in front of the public address."""
    return gateway + re.sub(r"^\w+://[^/]+", "", url)
