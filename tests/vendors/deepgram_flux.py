"""Deepgram's Flux (listen v2) on loopback, as strict as the vendor.

Sources of the rules: [1] developers.deepgram.com/reference/speech-to-text/listen-flux,
[2] /docs/flux/state, [3] /docs/flux/force-end-turn, [4] /docs/flux/configuration (ranges),
[5] /docs/flux/language-prompting, [6] the SDK's own types (deepgram-sdk 7.17). The rest as in
listen v1, see deepgram.py.
"""

from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import WSCloseCode, web
from multidict import MultiMapping
from vendors import sockets
from vendors.deepgram import audio_problem, check
from vendors.sockets import first_broken, message_of, whole, within
from vendors.strict import on_loopback

PARAMETERS = {  # [6]
    "eager_eot_threshold", "encoding", "eot_threshold", "eot_timeout_ms", "keyterm",
    "language_hint", "mip_opt_out", "model", "numerals", "profanity_filter", "redact",
    "sample_rate", "tag",
}  # fmt: skip
ENCODINGS = {"linear16", "linear32", "mulaw", "alaw", "opus", "ogg-opus"}  # [1]
LANGUAGES = {"en", "es", "fr", "de", "hi", "ru", "pt", "ja", "it", "nl"}  # [5]
CONTROLS = {"CloseStream", "Configure", "ForceEndTurn"}  # [6]: no KeepAlive, no Finalize
EVENTS_AFTER = {  # [2]: by the event of the turn before it; "": no turn
    "": {"Update", "StartOfTurn"},
    "StartOfTurn": {"Update", "EagerEndOfTurn", "EndOfTurn"},
    "EagerEndOfTurn": {"Update", "TurnResumed", "EndOfTurn"},
}


class FluxLine(sockets.Line):
    """One caller's socket. What the script tells is held to the vendor's own rules. [2]"""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        super().__init__(request, socket)
        self.forced_bytes: list[int] = []  # audio that had come before each ForceEndTurn
        self.turn_index = 0
        self._state, self._likely = "", ""  # of EVENTS_AFTER; words of the likely end
        self._sequence = 0

    async def start(self, text: str) -> None:
        await self.turn("StartOfTurn", text)

    async def update(self, text: str) -> None:
        await self.turn("Update", text)

    async def eager(self, text: str) -> None:
        assert "eager_eot_threshold" in self.query, "not asked for"
        assert text, "always with words"
        await self.turn("EagerEndOfTurn", text)

    async def resume(self, text: str) -> None:
        await self.turn("TurnResumed", text)

    async def end(self, text: str, trigger: str = "model") -> None:
        assert self._state != "EagerEndOfTurn" or text == self._likely, "not what was likely"
        await self.turn("EndOfTurn", text, trigger=trigger)

    async def turn(self, event: str, text: str, **more: Any) -> None:
        """Send a TurnInfo message."""
        assert event in EVENTS_AFTER[self._state], f"{event} after {self._state or 'no turn'}"
        words = [{"word": w, "confidence": 0.9, "start": 0.0, "end": 1.0} for w in text.split()]
        info = {
            "event": event,
            "turn_index": self.turn_index,
            "audio_window_start": 0.0,
            "audio_window_end": len(self.audio) / 8_000,
            "transcript": text,
            "words": words,
            "end_of_turn_confidence": 0.5,
        }
        self._enter(event, text)
        await self.tell("TurnInfo", **info, **more)

    def _enter(self, event: str, text: str) -> None:
        self._state = {
            "StartOfTurn": "StartOfTurn",
            "TurnResumed": "StartOfTurn",
            "EagerEndOfTurn": "EagerEndOfTurn",
            "EndOfTurn": "",
        }.get(event, self._state)
        self._likely = text
        self.turn_index += event == "EndOfTurn"

    async def tell(self, type: str, **fields: Any) -> None:
        """Send a message of this type, numbered."""
        numbered = {"type": type, "request_id": "r", "sequence_id": self._sequence, **fields}
        self._sequence += 1
        await self.say(numbered)


class FluxServer(sockets.SocketVendor[FluxLine]):
    """Flux."""

    path = "/v2/listen"
    line_type = FluxLine

    def __init__(self) -> None:
        super().__init__(idle_s=10.0)  # as listen v1, though here only audio counts

    async def accept(self, request: web.Request) -> web.Request:
        check(request, self.key, _problem(request.query))
        return request

    async def greet(self, line: FluxLine) -> None:
        await line.tell("Connected")  # [1]

    async def on_idle(self, line: FluxLine) -> None:
        await self.reject(line, 1011, "NET-0001")

    async def take_audio(self, line: FluxLine, audio: bytes) -> None:
        if problem := audio_problem(audio):
            await self.reject(line, *problem)
        else:
            line.took_audio(audio)

    async def take_text(self, line: FluxLine, text: str) -> None:
        control = str(message_of(text).get("type", ""))
        if control not in CONTROLS:
            await line.tell("Error", code="UNPARSABLE_CLIENT_MESSAGE", description="?")  # [1]
            await self.reject(line, 1008, "a text message of no known type")
            return
        line.controls.append(control)
        if control == "ForceEndTurn":
            line.forced_bytes.append(len(line.audio))
        if control == "CloseStream":
            await line.close(WSCloseCode.OK, "")


def flux_server() -> AbstractAsyncContextManager[FluxServer]:
    """A server for one test."""
    return on_loopback(FluxServer(), "GET", FluxServer.path)


def _problem(query: MultiMapping[str]) -> str:
    """What the vendor would refuse in the request's parameters; empty: nothing."""
    eager, sure = query.get("eager_eot_threshold", "0.3"), query.get("eot_threshold", "0.7")
    hints = query.getall("language_hint", [])
    return first_broken(
        {
            "an unknown parameter": set(query) <= PARAMETERS,
            "model": query.get("model") in ("flux-general-en", "flux-general-multi"),
            "encoding": query.get("encoding", "linear16") in ENCODINGS,
            "encoding and sample_rate": ("encoding" in query) == ("sample_rate" in query),  # [1]
            "sample_rate": whole(query.get("sample_rate", "8000"), 8_000, 48_000),
            "eot_threshold": within(sure, 0.5, 1.0),  # [4]
            "eager_eot_threshold": within(eager, 0.3, 0.9),  # [4]
            "eager_eot_threshold above eot_threshold": within(eager, 0, float(sure or 0)),  # [4]
            "eot_timeout_ms": whole(query.get("eot_timeout_ms", "5000"), 500, 60_000),  # [4]
            "language_hint of the English model": not hints
            or query.get("model") == "flux-general-multi",  # [5]
            "language_hint": all(hint[:2] in LANGUAGES for hint in hints),  # [5]
        }
    )
