"""nats-py's client with a short way for audio, and what its connections need to be let go."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from infra.cancelling import stop_if_cancelled
from infra.raw_messages import OnRaw
from infra.raw_parser import RawParser

WINDOW_S: Final = 0.005
_AGAIN_S: Final = 0.2
_FLUSH_S: Final = 0.5
_BUFFER_BYTES: Final = 4 * 1024 * 1024  # a server that stalls so long misses frames, not memory


class AudioClient(Client):
    """nats-py's client with a short way for audio: no Msg, no queue and no task for each frame.

    Reconnecting, TLS and authentication stay nats-py's own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ps = RawParser(self)
        self._on_raw: dict[int, OnRaw] = {}
        self._waiting: list[bytes] = []  # frames for the next write
        self._write_at_s = 0.0  # by the loop's clock
        self.frames_dropped = 0

    @property
    def usual_replicas(self) -> int:
        """Copies of a stream: 3 where the server belongs to a cluster."""
        return 3 if self._server_info.get("cluster") else 1

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        if on_raw := self._on_raw.get(sid):
            on_raw(subject, reply, data, headers or b"")  # None where there are none
        else:
            await super()._process_msg(sid, subject, reply, data, headers)

    def pub(self, subject: str, payload: bytes) -> None:
        """Write at once. While the server is away or stalls the frame is dropped and counted."""
        self._write_waiting()  # nothing overtakes a frame before it
        self._write(_frame(subject, payload), 1)

    def pub_soon(self, subject: str, payload: bytes, within_s: float = WINDOW_S) -> None:
        """Write a little later, with what comes meanwhile: one system call for many frames."""
        loop = asyncio.get_running_loop()
        at_s = loop.time() + within_s
        if not self._waiting or at_s < self._write_at_s:
            self._write_at_s = at_s
            loop.call_later(within_s, self._write_waiting)
        self._waiting.append(_frame(subject, payload))

    def ask(self, subject: str, reply: str, payload: bytes, headers: Mapping[str, str]) -> None:
        """Write at once what an answer is wanted to, at `reply`.

        Raises OSError when it cannot be written now; nats.errors.MaxPayloadError.
        """
        if len(payload) > self._max_payload:
            raise nats.errors.MaxPayloadError
        writer = self._writer()
        if writer is None:
            raise ConnectionResetError("the connection is away")
        writer.write(_question(subject, reply, payload, headers))

    def _write_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._write(b"".join(waiting), len(waiting))

    def _write(self, raw: bytes, frames: int) -> None:
        writer = self._writer()
        if writer is None:
            self.frames_dropped += frames
        else:
            writer.write(raw)

    def _writer(self) -> Any:
        """nats-py's own, past its queue and flusher task; None while nothing more is taken."""
        transport: Any = self._transport
        writer = transport._io_writer if transport and self.is_connected else None
        return writer if writer is not None and _takes_more(writer.transport) else None

    async def sub(self, subject: str, on_bytes: Callable[[bytes], None]) -> Subscription:
        """Hand each payload to `on_bytes` in the reader's own turn: it must be quick."""
        return await self.sub_raw(subject, lambda _, __, payload, ___: on_bytes(payload))

    async def sub_raw(self, subject: str, on_raw: OnRaw) -> Subscription:
        """The same with the message's subject, reply subject and headers, all as received."""
        subscription = await self.subscribe(subject)
        self._on_raw[subscription._id] = on_raw
        return subscription

    async def flush(self, timeout: float = 10) -> None:
        """Wait, `timeout` seconds at most, until the server has all that was sent.

        A connection that breaks takes the answers with it that are due, and nats-py waits for them
        in vain: so this asks again. Raises nats.errors.FlushTimeoutError.
        """
        self._write_waiting()
        deadline = time.monotonic() + timeout
        while True:
            try:
                return await self._flush_once(min(max(deadline - time.monotonic(), 0.01), _FLUSH_S))
            except nats.errors.FlushTimeoutError:
                stop_if_cancelled()
                if time.monotonic() >= deadline:
                    raise

    async def _flush_once(self, within_s: float) -> None:
        if self.is_reconnecting:  # what is written now goes nowhere
            await asyncio.sleep(min(within_s, _AGAIN_S))
            raise nats.errors.FlushTimeoutError
        await super().flush(within_s)  # type: ignore[arg-type]

    async def _flush_pending(self, force_flush: bool = False) -> Any:
        with _closed_is_reset():
            return await super()._flush_pending(force_flush)

    async def _send_ping(self, future: "asyncio.Future[Any] | None" = None) -> None:
        with _closed_is_reset():
            self._write_pending()
            await super()._send_ping(future)

    def _write_pending(self) -> None:
        """nats-py's ping overtakes what it has yet to write: its answer would promise too much."""
        transport: Any = self._transport
        if transport and self.is_connected and self._pending:
            pending, self._pending, self._pending_data_size = self._pending, [], 0
            transport.writelines(pending)

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        self._write_waiting()
        with _closed_is_reset():
            await super()._close(status, do_cbs)

    async def _process_pong(self) -> None:
        """A flush that was cancelled leaves its future in the queue; nats-py would set it, fail,
        and end its reading loop: the connection would hang until the pings give up."""
        if self._pongs and self._pongs[0].done():
            self._pongs.pop(0)
            self._pings_outstanding = 0
        else:
            await super()._process_pong()

    async def _process_op_err(self, e: Exception) -> None:
        """Leave a server that stalls at once: closing would first wait for what it never takes."""
        if self.is_connected:
            self._abort()
        await super()._process_op_err(e)

    async def _process_connect_init(self) -> None:
        """nats-py leaves the socket open of a server that takes a connection and says nothing."""
        try:
            await super()._process_connect_init()
        except BaseException:
            self._abort()
            raise

    def _abort(self) -> None:
        transport: Any = self._transport
        if transport is not None and transport._io_writer is not None:
            transport._io_writer.transport.abort()

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._on_raw.pop(sid, None)
        super()._remove_sub(sid, max_msgs)


@contextlib.contextmanager
def _closed_is_reset() -> Iterator[None]:
    """uvloop says RuntimeError of a closed transport; all who publish reckon with an OSError."""
    try:
        yield
    except RuntimeError:
        raise ConnectionResetError("the connection is closed") from None


def _takes_more(transport: asyncio.WriteTransport) -> bool:
    """A broken one must not be asked how full it is: uvloop raises RuntimeError then."""
    return not transport.is_closing() and transport.get_write_buffer_size() <= _BUFFER_BYTES


def _frame(subject: str, payload: bytes) -> bytes:
    return b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(payload), payload)


def _question(subject: str, reply: str, payload: bytes, headers: Mapping[str, str]) -> bytes:
    """https://docs.nats.io/reference/reference-protocols/nats-protocol#hpub"""
    lines = b"".join(b"%b: %b\r\n" % (k.encode(), v.encode()) for k, v in headers.items())
    head = b"NATS/1.0\r\n%b\r\n" % lines
    sizes = (len(head), len(head) + len(payload))
    place = (subject.encode(), reply.encode())
    return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (*place, *sizes, head, payload)
