"""Cartesia's recognition with turns (Ink) on loopback, as strict as the vendor.

Sources of the rules: [1] docs.cartesia.ai/api-reference/stt/turns/websocket,
[2] /use-the-api/stt/turns, [3] /use-the-api/concurrency-limits-and-timeouts,
[4] /use-the-api/api-errors, [5] the SDK's own types (cartesia 4.2).
"""

from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import WSCloseCode, web
from multidict import MultiMapping
from vendors import sockets
from vendors.serving import Refusal, Rejected
from vendors.sockets import first_broken, message_of, whole, within
from vendors.strict import on_loopback

VERSIONS = {"2026-03-01", "2026-08-14"}  # of the API, those with /stt/turns
PARAMETERS = {  # [5]
    "encoding", "keyterm", "model", "sample_rate", "turn_eager_end_threshold",
    "turn_end_threshold", "turn_end_timeout_ms", "turn_start_threshold",
}  # fmt: skip
ENCODINGS = {"pcm_s16le", "pcm_s32le", "pcm_f16le", "pcm_f32le", "pcm_mulaw", "pcm_alaw"}  # [5]
EVENTS_AFTER = {  # [2]: by the event of the turn before it; "": no turn
    "": {"turn.start"},
    "turn.start": {"turn.update", "turn.eager_end", "turn.end"},
    "turn.eager_end": {"turn.resume", "turn.end"},
}


class InkLine(sockets.Line):
    """One caller's socket. What the script tells is held to the vendor's own rules. [2]"""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        super().__init__(request, socket)
        self._state, self._text = "", ""  # of EVENTS_AFTER; words of the turn so far

    async def start(self) -> None:
        await self._turn("turn.start")

    async def update(self, text: str) -> None:
        await self._turn("turn.update", transcript=text)

    async def eager(self, text: str) -> None:
        await self._turn("turn.eager_end", transcript=text)

    async def resume(self) -> None:
        await self._turn("turn.resume")

    async def end(self, text: str) -> None:
        await self._turn("turn.end", transcript=text)

    async def error(self, status: int, **fields: Any) -> None:
        await self.say({"type": "error", "done": True, **_error(status), **fields})  # [4]

    async def _turn(self, event: str, **fields: Any) -> None:
        assert event in EVENTS_AFTER[self._state], f"{event} after {self._state or 'no turn'}"
        text = fields.get("transcript", self._text)
        assert text.startswith(self._text), "what was emitted is not revised"
        self._state = {
            "turn.update": "turn.start",
            "turn.resume": "turn.start",
            "turn.end": "",
        }.get(event, event)
        self._text = text if self._state else ""
        await self.say({"type": event, "request_id": "r", **fields})


class InkServer(sockets.SocketVendor[InkLine]):
    """Ink with turns."""

    path = "/stt/turns/websocket"
    line_type = InkLine

    def __init__(self) -> None:
        super().__init__(idle_s=300.0)  # [3]

    async def accept(self, request: web.Request) -> web.Request:
        check(request, self.key)
        if problem := _problem(request.query):
            raise Rejected(problem, refusal(400))
        return request

    async def greet(self, line: InkLine) -> None:
        await line.say({"type": "connected", "request_id": "r"})  # [1]

    async def on_idle(self, line: InkLine) -> None:
        await self.reject(line, 1000, "idle")  # [3]

    async def take_audio(self, line: InkLine, audio: bytes) -> None:
        if audio:
            line.took_audio(audio)
        else:
            await self.reject(line, 1003, "an empty binary frame")

    async def take_text(self, line: InkLine, text: str) -> None:
        control = str(message_of(text).get("type", ""))
        if control not in ("close", "config"):  # [1]
            await line.error(400)
            await self.reject(line, 1008, "a text message of no known type")
            return
        line.controls.append(control)
        if control == "close":
            await line.close(WSCloseCode.OK, "")


def cartesia_server() -> AbstractAsyncContextManager[InkServer]:
    """A server for one test."""
    return on_loopback(InkServer(), "GET", InkServer.path)


def check(request: web.Request, key: str) -> None:
    """Raises Rejected for a wrong key or API version. Either header will do for the key. [1]"""
    given = (request.headers.get("Authorization"), request.headers.get("X-API-Key"))
    if given not in ((f"Bearer {key}", None), (None, key)):
        raise Rejected("authorization", refusal(401))
    if request.headers.get("Cartesia-Version") not in VERSIONS:
        raise Rejected("Cartesia-Version", refusal(400))


def refusal(status: int, **headers: str) -> Refusal:
    """An error as the vendor words it [4]; its message may repeat what was sent."""
    return Refusal(status, _error(status), headers)


def _error(status: int) -> dict[str, Any]:
    return {
        "status_code": status,
        "error_code": None,
        "title": "no",
        "message": "about your words",
        "request_id": "r",
    }


def _problem(query: MultiMapping[str]) -> str:
    """What the vendor would refuse in the request's parameters; empty: nothing."""
    start, eager, end = (
        query.get(f"turn_{name}_threshold", usual)
        for name, usual in (("start", "0.8"), ("eager_end", "0.4"), ("end", "0.2"))
    )
    terms = query.getall("keyterm", [])
    return first_broken(
        {
            "an unknown parameter": set(query) <= PARAMETERS,
            "model": query.get("model") == "ink-2",
            "encoding": query.get("encoding") in ENCODINGS,
            "sample_rate": whole(query.get("sample_rate", ""), 8_000, 48_000),
            "turn_start_threshold": within(start, 0.5, 0.9),  # [5]
            "turn_eager_end_threshold": within(eager, 0.3, 0.6),  # [5]
            "turn_end_threshold": within(end, 0.05, 0.5),  # [5]
            "thresholds in their order": start > eager > end,  # [2]
            "turn_end_timeout_ms": within(query.get("turn_end_timeout_ms", "5600"), 640, 11_200),
            "keyterm": len(terms) <= 100 and sum(map(len, terms)) <= 1_200,  # [5]
        }
    )
