"""One append to the log until it is settled: what the server's answers mean, and its silence.

A publish that nobody answered may be stored or not, and may still arrive, so it is sent again with
the same id. What each further try can meet:

    stored now                   the tries before never arrived
    duplicate                    a try before is stored, or somebody else's message with this id
    10071 wrong last sequence    a message stands behind `after`: our own, or another owner's
    10158, 10163, 10164          a message with this id or subject is under way; three nodes only
    nothing                      as before

With `after` our message can stand in one place only: first behind `after` on its subject. What
stands there settles the doubt for ever, however late, and whatever was appended since. Without
`after` the id does, as long as the server remembers it: `duplicate_window_s` of the stream, two
minutes. Whoever repeats a message without `after` for longer, or lets a server resume that was
frozen for longer, may store it twice. Nothing is published while the connection is known to be
away: the client would keep the copies and send them whenever it comes back.

Codes: https://github.com/nats-io/nats-server/blob/main/server/errors.json.
Headers: https://docs.nats.io/nats-concepts/jetstream/headers.
"""

import asyncio
import time
from typing import Final, NamedTuple

import msgspec
import nats.errors
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError

from contracts.journal import Appended, JournalUnavailable, WrongVersion
from contracts.streams import CALLS, parse_call_subject
from infra.cancelling import stop_if_cancelled
from infra.nats import Bus

AWAY: Final = (
    TimeoutError,
    OSError,
    nats.errors.NoRespondersError,
    nats.errors.TimeoutError,
    nats.errors.ConnectionClosedError,
    nats.errors.ConnectionReconnectingError,
    nats.errors.OutboundBufferLimitError,
    nats.errors.StaleConnectionError,
)
_MSG_ID: Final = "Nats-Msg-Id"
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
_WRONG_SEQUENCE: Final = 10071
_UNDER_WAY: Final = (10158, 10163, 10164)
_FULL: Final = (10023, 10047, 10077)  # a limit on storage, of the server or the stream
_UNAVAILABLE: Final = 503  # HTTP's meaning: it may go better next time
_ACK_S: Final = 0.25  # for the first answer; then doubled up to
_LONGEST_ACK_S: Final = 1.0
_ASKED_S: Final = 0.5
_PAUSE_S: Final = 0.02  # after the first quick refusal; then doubled up to
_LONGEST_PAUSE_S: Final = 0.5


class Wanted(NamedTuple):
    """The message to be stored. `after`: see contracts.journal.Journal.append."""

    subject: str
    payload: bytes
    id: str
    after: int | None

    def wrong_version(self) -> WrongVersion:
        """Another message stands where this one belongs."""
        return WrongVersion(parse_call_subject(self.subject).family)


class _Refusal(msgspec.Struct):
    code: int = 0
    err_code: int = 0


class _Ack(msgspec.Struct):
    """The answer to a publish: https://docs.nats.io/reference/reference-protocols."""

    seq: int = 0
    duplicate: bool = False
    error: _Refusal | None = None

    @property
    def wrong_sequence(self) -> bool:
        return self.error is not None and self.error.err_code == _WRONG_SEQUENCE

    @property
    def passing(self) -> bool:
        """A refusal that says nothing about the next try."""
        return self.error is not None and (
            self.error.err_code in _UNDER_WAY or self.error.code == _UNAVAILABLE
        )


_ack: Final = msgspec.json.Decoder(_Ack)


async def settle(bus: Bus, wanted: Wanted, *, patience_s: float) -> Appended:
    """Publish until it is known where the message is stored, or that it is not.

    Raises: WrongVersion: it is not stored; JournalUnavailable after `patience_s`: it may be.
    """
    began_s = time.monotonic()
    with bus.appending():
        appended = await _Settling(bus, wanted, began_s + patience_s).settle()
    bus.acknowledged(began_s)
    return appended


class _Settling:
    def __init__(self, bus: Bus, wanted: Wanted, deadline_s: float) -> None:
        self._bus, self._wanted, self._deadline_s = bus, wanted, deadline_s
        self._refused = 0  # the code of the last refusal that may pass
        self._doubtful = False  # an earlier try was not answered: it may be stored
        self._nothing_behind = False  # the last try was refused, yet nothing stands there

    async def settle(self) -> Appended:
        tried = 0
        while True:
            began_s, self._nothing_behind = time.monotonic(), False
            ack = await self._publish(min(_ACK_S * 2**tried, _LONGEST_ACK_S))
            appended = None if ack is None else await self._meaning(ack)
            if appended is not None:
                return appended
            stop_if_cancelled()
            self._doubtful = True
            if time.monotonic() >= self._deadline_s:
                if self._nothing_behind:
                    raise self._wanted.wrong_version()  # `after` is not the last, nor followed
                raise JournalUnavailable(self._why())
            pause_s = min(_PAUSE_S * 2**tried, _LONGEST_PAUSE_S)
            await asyncio.sleep(began_s + pause_s - time.monotonic())
            tried += 1

    async def _publish(self, wait_s: float) -> _Ack | None:
        """The server's answer; None when there was none and nobody knows what was stored."""
        wanted = self._wanted
        headers = {_MSG_ID: wanted.id}
        if wanted.after is not None:
            headers[_EXPECTED] = str(wanted.after)
        wait_s = max(0.05, min(wait_s, self._deadline_s - time.monotonic()))
        try:
            if not self._bus.connected:
                await self._connected(wait_s)
            answer = await self._bus.answers.ask(
                wanted.subject, wanted.payload, headers, within_s=wait_s
            )
        except AWAY:
            return None
        return None if answer is None else _ack.decode(answer)

    async def _connected(self, wait_s: float) -> None:
        """Returns when the connection is back. Raises TimeoutError."""
        back = asyncio.Event()

        async def on_back() -> None:
            back.set()

        forget = self._bus.on_reconnect(on_back)
        try:
            async with asyncio.timeout(wait_s):
                await back.wait()
        finally:
            forget()

    async def _meaning(self, ack: _Ack) -> Appended | None:
        """What an answer settles; None when it settles nothing yet."""
        wanted = self._wanted
        if ack.error is None and not ack.duplicate:
            return Appended(ack.seq, False, wanted.payload)
        if wanted.after is not None and (ack.error is None or ack.wrong_sequence):
            return await self._behind(wanted.after, ack)
        if ack.error is None:
            return await self._twin(ack.seq)
        if ack.passing:
            self._refused = ack.error.err_code
            return None
        raise JournalUnavailable(f"the log refused, code {ack.error.err_code}")

    def _why(self) -> str:
        if self._refused in _FULL:
            return f"the log has no room for more, code {self._refused}: make room on NATS's disk"
        return (
            f"the log refused, code {self._refused}" if self._refused else "the log did not answer"
        )

    async def _behind(self, after: int, ack: _Ack) -> Appended | None:
        """Whether our own message stands first behind `after`. Raises WrongVersion."""
        wanted = self._wanted
        stored, known = await self._ask(after + 1, wanted.subject)
        if stored is not None:
            if stored.data != wanted.payload or (stored.headers or {}).get(_MSG_ID) != wanted.id:
                raise wanted.wrong_version()
            return Appended(stored.seq or 0, not self._doubtful, wanted.payload)
        if known and ack.duplicate and ack.seq <= after:
            raise wanted.wrong_version()  # the id belongs to an older message
        self._nothing_behind = known  # asked of a node that lags behind the one that refused?
        return None

    async def _twin(self, sequence: int) -> Appended | None:
        """The message that has this id; our own when a try before stored it."""
        wanted = self._wanted
        if not self._doubtful:
            return Appended(sequence, True, wanted.payload)
        stored, _ = await self._ask(sequence)
        if stored is None:
            return None
        return Appended(sequence, stored.data != wanted.payload, wanted.payload)

    async def _ask(
        self, sequence: int, subject: str | None = None
    ) -> tuple[RawStreamMsg | None, bool]:
        """The message at `sequence`, or with a subject its first from there on.

        Returns: None where there is none, and whether that is known or the log fell silent. Only
        the stream's leader answers.
        """
        js = self._bus.nc.jetstream(timeout=_ASKED_S)
        try:
            stored = await js.get_msg(CALLS.name, sequence, subject, next=subject is not None)
        except NotFoundError:
            return None, True
        except (*AWAY, APIError):
            return None, False
        return stored, True
