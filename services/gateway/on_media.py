"""audio -> line: the carrier's media socket.

Before `start` anything unexpected closes the socket; after it, single broken messages are left out.
"""

import asyncio
import logging
from functools import partial
from typing import Any, Final

from aiohttp import WebSocketError, WSMsgType, web

from services.gateway.answering import answered
from services.gateway.carrier import BadCarrierMessage, Connected, Started, Unknown
from services.gateway.carriers.twilio import MESSAGE_LIMIT_BYTES, Twilio
from services.gateway.faults import alone, guarded, kind
from services.gateway.gateway import GATEWAY, Gateway
from services.gateway.leg import ProtocolBroken
from services.gateway.line import Line
from services.gateway.media_socket import MediaSocket
from services.gateway.wire import CLOSE_S, SocketWire

_log: Final = logging.getLogger("partyline.gateway")
_carrier: Final = Twilio()


async def on_media(request: web.Request) -> web.StreamResponse:
    """Hold a call's socket from upgrade to end.

    403 when the upgrade is not signed; 503 when this gateway is about to stop.
    """
    gateway = request.app[GATEWAY]
    gateway.signatures.check_upgrade(request)
    if gateway.draining:
        raise web.HTTPServiceUnavailable(text="this gateway is about to stop")
    socket = MediaSocket(limit_bytes=MESSAGE_LIMIT_BYTES, close_s=CLOSE_S)
    try:
        await socket.prepare(request)
    except ConnectionError:  # the carrier has given up
        return socket
    async with SocketWire(socket, partial(_cut_off, request)) as wire:
        try:
            started = await _started(gateway, socket)
            async with answered(gateway, _carrier, started, wire) as line:
                with alone(line):
                    await _read(socket, wire, line)
        except ProtocolBroken as refused:
            _log.warning("media socket refused: %s", refused)
            wire.close(refused.code, str(refused))
        except Exception as fault:
            _log.error("media socket refused: fault: %s", kind(fault))
            wire.close(1011, "fault in the gateway")
    return socket


async def _started(gateway: Gateway, socket: MediaSocket) -> Started:
    """The message that names the call. Raises ProtocolBroken when another or none comes."""
    try:
        async with asyncio.timeout(gateway.settings.start_ms / 1000):
            while True:
                received = await socket.receive()
                message = _carrier.parse(_text(received.type, received.data))
                if isinstance(message, Started):
                    return message
                if not isinstance(message, Connected):
                    kind = "an unknown message" if isinstance(message, Unknown) else "audio"
                    raise ProtocolBroken(1008, f"{kind} before start")
    except BadCarrierMessage as bad:
        raise ProtocolBroken(1007, str(bad)) from None
    except TimeoutError:
        raise ProtocolBroken(1008, "no start in time") from None


async def _read(socket: MediaSocket, wire: SocketWire, line: Line) -> None:
    """Let the line have every message until it or the socket ends.

    Its texts are handed on where they are read; here come those that were read before that, and
    the end.
    """
    socket.hand_on(guarded(line, line.on_message))
    while not line.over:
        message = await socket.receive()
        if message.type is WSMsgType.TEXT:
            line.on_message(message.data)
        elif message.type is WSMsgType.BINARY:
            raise ProtocolBroken(1003, "a binary message")
        elif isinstance(message.data, WebSocketError):
            raise ProtocolBroken(socket.close_code or 1002, "a frame no WebSocket has")
        else:
            line.lose(wire.given_up or "the socket was closed without a stop")


def _cut_off(request: web.Request) -> None:
    if request.transport:
        request.transport.abort()


def _text(kind: WSMsgType, data: Any) -> bytes:
    if kind is WSMsgType.BINARY:
        raise ProtocolBroken(1003, "a binary message")
    if kind is not WSMsgType.TEXT:
        raise ProtocolBroken(1002, "the socket was closed before start")
    return bytes(data)
