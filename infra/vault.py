"""The calls' keys on JetStream, and those at hand: the one way to what callers said.

A process keeps some keys in memory. It forgets one when the call is erased: the KEYS stream
republishes what it stores, so every process hears of it within about a millisecond, and who reads
CallErased in the log knows it from there. After a reconnection, which may have missed news, all are
forgotten; and none is kept for longer than an hour.
"""

import asyncio
import contextlib
import time
from collections.abc import Collection, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
from nats.aio.msg import Msg

from contracts.codec import decode_key, encode
from contracts.ids import CallId
from contracts.journal import JournalUnavailable
from contracts.key import KeyErased, KeyEvent
from contracts.marked_fields import Hand, exchanged
from contracts.recorded import Message
from contracts.seal import KeyWanted, Locked, Opener
from contracts.streams import KEYS, key_subject
from infra.call_keys import AWAY, CallKeys
from infra.nats import Bus
from infra.sealing import CallKey, Erasing, Leaving, MasterKey, Opening

_MOST: Final = 10_000  # keys at hand, 4.5 KiB each
_LIFE_S: Final = 3600.0
_ASKED_AT_ONCE: Final = 500
_TRIES: Final = 5  # to delete a key that others may be deleting, too

Held: TypeAlias = CallKey | Literal["erased", "none"]
"""A call's key; or that it was deleted; or that the call never had one."""


class _AtHand(NamedTuple):
    held: Held
    until_s: float  # of the monotonic clock
    opener: Opener


_ERASED: Final = Opener(Erasing(), "erased")
_NOTHING: Final = _AtHand("erased", 0.0, _ERASED)


class Vault:
    """contracts.seal.Seal with the KEYS stream.

    `master`: None opens nothing and seals nothing; `new_calls`: False makes no keys, so that calls
    which ring from now on are stored in the clear.
    """

    def __init__(self, bus: Bus, master: MasterKey | None, *, new_calls: bool = True) -> None:
        self._bus, self.master, self._new_calls = bus, master, new_calls
        self._keys = CallKeys(bus)
        self._held: dict[CallId, _AtHand] = {}
        self._news = 0  # counts what might make an answer under way untrue
        self._listening = asyncio.Lock()
        self._listens = False

    def close(self, call: CallId, message: Message) -> Message:
        """See contracts.seal.Seal.close. Whether the call has a key decides, not this process."""
        hand = _Closing(self, call)
        closed = exchanged(message, hand)
        return msgspec.structs.replace(closed, sealed="siv") if hand.sealed else closed

    def opener(self, call: CallId) -> Opener:
        """See contracts.seal.Seal.opener."""
        return self._at_hand(call).opener

    def held(self, call: CallId) -> Held:
        """Raises KeyWanted."""
        return self._at_hand(call).held

    def _at_hand(self, call: CallId) -> _AtHand:
        at_hand = self._held.get(call)
        if at_hand is None or at_hand.until_s < time.monotonic():
            raise KeyWanted(call)
        return at_hand

    async def fetch(self, calls: Collection[CallId]) -> None:
        """See contracts.seal.Seal.fetch."""
        now_s = time.monotonic()
        wanted = [call for call in calls if self._held.get(call, _NOTHING).until_s < now_s]
        if wanted:
            await self._listen()
        for start in range(0, len(wanted), _ASKED_AT_ONCE):
            await self._fetch(wanted[start : start + _ASKED_AT_ONCE])

    async def begin(self, call: CallId) -> None:
        """See contracts.seal.Seal.begin."""
        if self.master is None or not self._new_calls:
            return
        with contextlib.suppress(KeyWanted):
            if self.held(call) != "none":
                return
        await self._listen()
        made = self.master.make(call, _now_ms())
        if await self._keys.store(call, made):
            self._keep(call, made)
        else:
            await self.fetch((call,))

    def forget(self, call: CallId) -> None:
        """See contracts.seal.Seal.forget."""
        self._news += 1
        self._hold(call, "erased")

    async def erase(self, call: CallId) -> None:
        """Delete and overwrite the call's key, for ever. Erasing again changes nothing.

        For calls that hold sealed fields only: one that never had a key would count as erased.
        Raises: JournalUnavailable.
        """
        for _ in range(_TRIES):
            stored = await self._keys.last(key_subject(call))
            if stored is None:
                if await self._keys.store(call, KeyErased(at_ms=_now_ms())):
                    return self.forget(call)
            elif isinstance(decode_key(stored.data or b""), KeyErased):
                return self.forget(call)
            else:
                await self._keys.delete(stored.seq or 0)
        raise JournalUnavailable("the key was not deleted")

    async def check(self) -> None:
        """Whether this process can open what is in this log. Raises Locked, JournalUnavailable."""
        stored = await self._keys.last(KEYS.subjects[0])
        if stored is not None:
            self._state(CallId((stored.subject or "").rpartition(".")[2]), stored.data)

    async def _fetch(self, calls: Sequence[CallId]) -> None:
        while True:
            news = self._news
            found = await self._keys.ask(calls)
            if news == self._news:
                break
        for call in calls:
            self._hold(call, self._state(call, found.get(call)))

    def _state(self, call: CallId, stored: bytes | None) -> Held:
        """Raises Locked."""
        if stored is None:
            return "none"
        event = decode_key(stored)
        if isinstance(event, KeyErased):
            return "erased"
        if self.master is None:
            raise Locked(
                f"The calls in this log are sealed by master key {event.master}: name its file,"
                " PARTYLINE_MASTER_KEY_FILE."
            )
        return self.master.unwrap(call, event)

    def _keep(self, call: CallId, event: KeyEvent) -> None:
        self._hold(call, self._state(call, encode(event)))

    def _hold(self, call: CallId, held: Held) -> None:
        self._held.pop(call, None)
        opener = Opener(Opening(held), "") if isinstance(held, CallKey) else _ERASED
        self._held[call] = _AtHand(held, time.monotonic() + _LIFE_S, opener)
        if len(self._held) > _MOST:
            del self._held[next(iter(self._held))]

    async def _listen(self) -> None:
        """Hear of what is erased, as long as the connection lasts. Raises JournalUnavailable."""
        async with self._listening:
            if self._listens:
                return
            try:
                await self._bus.nc.subscribe(f"live.{KEYS.subjects[0]}", cb=self._on_news)
                await self._bus.nc.flush()
            except AWAY:
                raise JournalUnavailable("NATS did not answer") from None
            self._bus.on_reconnect(self._on_reconnect)
            self._listens = True

    async def _on_news(self, message: Msg) -> None:
        call = CallId(message.subject.rpartition(".")[2])
        if isinstance(decode_key(message.data), KeyErased):
            self.forget(call)
        elif self._held.get(call, _NOTHING).held == "none":
            del self._held[call]

    async def _on_reconnect(self) -> None:
        self._news += 1
        self._held.clear()


class _Closing:
    """The hand that seals where the call has a key, asked for when there is something to seal."""

    def __init__(self, vault: Vault, call: CallId) -> None:
        self._vault, self._call = vault, call
        self._hand: Hand | None = None
        self.sealed = False

    def text(self, place: str, value: str) -> str:
        return self._its_hand().text(place, value)

    def whole(self, place: str, value: dict[str, Any]) -> dict[str, Any]:
        return self._its_hand().whole(place, value)

    def values(self, place: str, value: dict[str, str]) -> dict[str, str]:
        return self._its_hand().values(place, value)

    def _its_hand(self) -> Hand:
        if self._hand is None:
            held = self._vault.held(self._call)
            self.sealed = isinstance(held, CallKey)
            self._hand = held if isinstance(held, CallKey) else _WITHOUT_KEY[held]
        return self._hand


_WITHOUT_KEY: Final[dict[str, Hand]] = {"erased": Erasing(), "none": Leaving()}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
