"""aiohttp's server socket with a short way for text: it is handed on in the turn it was read in.

A carrier sends fifty messages a second for each call. aiohttp puts each into a queue and wakes the
task that waits there, a quarter of what a message costs: infra/decisions/0017.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiohttp import WSMsgType, web
from aiohttp._websocket.reader import WebSocketDataQueue
from aiohttp.http import WebSocketReader, WebSocketWriter

OnText = Callable[[bytes], None]
_QUEUE_LIMIT_BYTES: Final = 64 * 1024  # of what waits to be received; more stays in the socket


class MediaSocket(web.WebSocketResponse[bool]):
    """Text is received as by aiohttp until `hand_on` is called; all else always."""

    def __init__(self, *, limit_bytes: int, close_s: float) -> None:
        """`limit_bytes`: of a message; `close_s`: for the peer to agree to a close."""
        super().__init__(
            timeout=close_s, compress=False, max_msg_size=limit_bytes, decode_text=False
        )
        self._limit_bytes = limit_bytes
        self._queue: _Queue | None = None

    def hand_on(self, on_text: OnText) -> None:
        """Give `on_text` each text from now on; those that wait already are still received."""
        assert self._queue is not None
        self._queue.on_text = on_text

    def _post_start(
        self, request: web.BaseRequest, protocol: str | None, writer: WebSocketWriter
    ) -> None:
        """aiohttp has sent the handshake and set its own reader: ours takes its place."""
        early, request.protocol._message_tail = request.protocol._message_tail, b""
        super()._post_start(request, protocol, writer)
        queue = _Queue(request.protocol, _QUEUE_LIMIT_BYTES, loop=asyncio.get_running_loop())
        reader = WebSocketReader(queue, self._limit_bytes, compress=False, decode_text=False)
        request.protocol._payload_parser, request.protocol._message_tail = None, early
        request.protocol.set_parser(reader)
        self._queue = self._reader = queue
        self._parser = reader


class _Queue(WebSocketDataQueue):
    on_text: OnText | None = None

    def feed_data(self, data: Any, size: int) -> None:
        """What the reader calls for each whole message."""
        if self.on_text and data.type is WSMsgType.TEXT and not self._buffer:
            self.on_text(data.data)
        else:
            super().feed_data(data, size)
