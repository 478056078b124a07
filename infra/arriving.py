"""A call's messages as the log republishes them: one subscription, however many follow it here.

Where all roles are in one process, gateway, recogniser, dialog and the line's watcher follow the
same call: the server sends each message once, and its bytes are read and opened once.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, TypeAlias

from nats.aio.subscription import Subscription

from contracts.codec import Codec
from contracts.ids import CallId, TenantId
from contracts.recorded import Recorded
from infra.audio_client import AudioClient
from infra.raw_headers import headers_told
from infra.stamps import unix_ms

_log: Final = logging.getLogger("partyline.live")


class Arrived:
    """A message of a call that came just now: stored and republished, or live only."""

    __slots__ = ("_codec", "_headers", "_recorded", "_subject", "_told", "family", "payload")

    def __init__(self, subject: bytes, payload: bytes, headers: bytes) -> None:
        """`headers`: as received."""
        self.payload: Final = payload
        self._subject, self._headers = subject.decode(), headers
        self.family: Final = self._subject.rpartition(".")[2]
        self._told: dict[str, str] | None = None
        self._codec: Codec | None = None
        self._recorded: Recorded | None = None

    @property
    def sequence(self) -> int:
        """Its stream sequence; 0: it is not stored."""
        return int(self._headers_told().get("Nats-Sequence", 0))

    @property
    def before(self) -> int:
        """The stream sequence of the message before it in its family; 0: it is the first."""
        return int(self._headers_told().get("Nats-Last-Sequence", 0))

    def recorded(self, codec: Codec) -> Recorded:
        """Opened by `codec`; once for all who ask with the same one.

        Raises: KeyWanted, Unreadable, Locked.
        """
        if self._recorded is None or self._codec is not codec:
            self._recorded, self._codec = self._opened(codec), codec
        return self._recorded

    def _opened(self, codec: Codec) -> Recorded:
        _, _, tenant, call, family = self._subject.split(".")
        return Recorded(
            tenant=TenantId(tenant),
            call=CallId(call),
            family=family,
            sequence=self.sequence,
            stored_ms=unix_ms(self._headers_told()["Nats-Time-Stamp"]),
            message=codec.decode(CallId(call), self.payload, live=True),
            payload=self.payload,
        )

    def _headers_told(self) -> dict[str, str]:
        if self._told is None:
            self._told = headers_told(self._headers)
        return self._told


OnArrived: TypeAlias = Callable[[Arrived], None]


class Arrivals:
    """The live subjects that are listened to on one connection."""

    def __init__(self, client: AudioClient) -> None:
        self._client: Final = client
        self._shared: dict[str, _Shared] = {}

    def listener(self, subject: str, on_arrived: OnArrived) -> "Listener":
        """Hand each message of `subject` to `on_arrived`, in the reader's own turn: it must be
        quick."""
        shared = self._shared.get(subject)
        if shared is None:
            shared = self._shared[subject] = _Shared(self._client, subject)
        shared.listeners.append(on_arrived)
        return Listener(self, shared, on_arrived)

    def drop(self, shared: "_Shared") -> None:
        """Nobody listens to it any more."""
        if self._shared.get(shared.subject) is shared:
            del self._shared[shared.subject]


class _Shared:
    def __init__(self, client: AudioClient, subject: str) -> None:
        self.client, self.subject = client, subject
        self.listeners: list[OnArrived] = []
        self.subscribing: asyncio.Task[Subscription] = asyncio.create_task(
            client.sub_raw(subject, self._on_raw)
        )

    def _on_raw(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes) -> None:
        arrived = Arrived(subject, payload, headers)
        for on_arrived in tuple(self.listeners):
            try:
                on_arrived(arrived)
            except Exception as fault:  # one call's, or one role's: the connection is everybody's
                _log.error("a live message was not taken: %s", type(fault).__name__)


class Listener:
    """One who listens. Leave when done."""

    def __init__(self, arrivals: Arrivals, shared: _Shared, on_arrived: OnArrived) -> None:
        self._arrivals, self._shared, self._on_arrived = arrivals, shared, on_arrived

    async def ready(self) -> None:
        """Return when the subscription is made. Raises nats.errors.Error."""
        await asyncio.shield(self._shared.subscribing)

    async def leave(self) -> None:
        """Hear nothing more. The last one ends the subscription."""
        shared = self._shared
        shared.listeners.remove(self._on_arrived)
        if shared.listeners:
            return
        self._arrivals.drop(shared)
        await asyncio.wait([shared.subscribing])
        made = not shared.subscribing.cancelled() and shared.subscribing.exception() is None
        if made and not shared.client.is_closed:
            await shared.subscribing.result().unsubscribe()
