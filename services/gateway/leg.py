"""Which call, on whose stream, by which protocol, over which socket."""

from typing import NamedTuple

from contracts.ids import CallId
from services.gateway.carrier import Carrier
from services.gateway.wire import Wire


class ProtocolBroken(Exception):
    """The peer does what no carrier does, so its socket is closed. `code`: of the WebSocket."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Leg(NamedTuple):
    """A call's media stream from our side."""

    call: CallId
    stream: str
    carrier: Carrier
    wire: Wire
