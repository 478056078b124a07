"""The log of calls as an examiner sees it: which calls, all that is stored, what was deleted."""

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from nats.aio.msg import Msg

from contracts.codec import Codec, Unreadable
from contracts.ids import CallId, TenantId
from contracts.journal import JournalUnavailable
from contracts.line import LineRang
from contracts.recorded import Message, Recorded
from contracts.streams import CALLS, call_subject, parse_call_subject
from infra.journal import NatsJournal, sequence_of
from infra.nats import Bus
from infra.settling import AWAY
from infra.stamps import stored_ms, unix_ms

__all__ = ["CallLog", "Extent", "Older", "WholeCall", "begins", "stored_ms", "together", "unix_ms"]

_ANSWER_S: Final = 10.0  # a page of names can be megabytes


class Extent(NamedTuple):
    """What the stream holds, as stream sequences."""

    first: int  # of the oldest message
    last: int  # of the newest one there ever was
    deleted: tuple[int, ...]  # of those from first to last; age only takes what comes before first
    max_age_ms: float  # 0: kept for ever

    @property
    def newest(self) -> int:
        """The newest message that is still there."""
        gone, newest = set(self.deleted), self.last
        while newest in gone:
            newest -= 1
        return newest


class WholeCall(NamedTuple):
    """All that is stored of a call."""

    history: list[Recorded]  # in stored order; what no contract covers holds no events
    unreadable: dict[int, str]  # why, by the sequence of what no contract covers


class Older(Protocol):
    """Where calls are that the stream has let go: infra.archive.Archive."""

    async def read(self, tenant: TenantId, call: CallId) -> WholeCall:
        """All that is there of a call, be it nothing."""
        ...


class CallLog:
    """Reads calls without leaving anything out, and without a consumer.

    `archive`: where what the stream has let go of a call is looked for.
    """

    def __init__(self, bus: Bus, codec: Codec | None = None, archive: Older | None = None) -> None:
        self._bus, self._codec, self._archive = bus, codec or Codec(), archive

    async def read(self, tenant: TenantId, call: CallId) -> WholeCall:
        """Raises: JournalUnavailable, and what reading the archive raises."""
        journal = _Complete(self._bus, self._codec)
        history = [recorded async for recorded in journal.read(tenant, call)]
        hot = WholeCall(history, journal.unreadable)
        if self._archive is None or begins(history):
            return hot
        return together(await self._archive.read(tenant, call), hot)

    async def calls(self, tenant: TenantId) -> list[CallId]:
        """All calls of a tenant that the log holds anything of, by id. Raises JournalUnavailable.

        Memory: some hundred bytes a call.
        """
        found: set[CallId] = set()
        offset = 0
        while True:
            page = await self._info(subjects_filter=f"call.{tenant}.*.*", offset=offset)
            subjects = page.state.subjects or {}
            found |= {parse_call_subject(subject).call for subject in subjects}
            offset += len(subjects)
            if not subjects or offset >= page.total:
                return sorted(found)

    async def count(self, tenant: TenantId, call: CallId) -> int:
        """Messages of a call, as the stream's leader counts them. Raises JournalUnavailable."""
        page = await self._info(subjects_filter=call_subject(tenant, call, "*"))
        return sum((page.state.subjects or {}).values())

    async def extent(self) -> Extent:
        """Raises: JournalUnavailable."""
        page = await self._info(deleted_details=True)
        state, max_age_ms = page.state, page.config.max_age / 1e6
        deleted = tuple(filter(None, state.deleted or ()))  # of an empty stream: 0
        return Extent(state.first_seq, state.last_seq, deleted, max_age_ms)

    async def _info(self, **question: Any) -> "_Info":
        """Source: https://docs.nats.io/reference/reference-protocols/nats_api_reference."""
        place = f"$JS.API.STREAM.INFO.{CALLS.name}"
        try:
            answer = await self._bus.nc.request(
                place, json.dumps(question).encode(), timeout=_ANSWER_S
            )
        except AWAY:
            raise JournalUnavailable("the log did not answer") from None
        info = msgspec.json.decode(answer.data, type=_Info)
        if info.error:
            raise JournalUnavailable(f"the log refused, code {info.error.get('err_code')}")
        return info


def begins(history: Sequence[Recorded]) -> bool:
    """Whether a call's first messages are there: the stream lets go of the oldest first."""
    return bool(history) and any(isinstance(e, LineRang) for _, e in history[0].events())


def together(older: WholeCall, newer: WholeCall) -> WholeCall:
    """Two parts of a call as one; a message that is in both counts once."""
    known = {each.sequence for each in older.history}
    history = older.history + [each for each in newer.history if each.sequence not in known]
    history.sort(key=lambda each: each.sequence)
    return WholeCall(history, older.unreadable | newer.unreadable)


class _Complete(NatsJournal):
    """Reads as the journal does, and keeps the place of what no contract covers."""

    def __init__(self, bus: Bus, codec: Codec) -> None:
        super().__init__(bus, codec)
        self.unreadable: dict[int, str] = {}

    async def recorded(self, message: Msg) -> Recorded:
        """A stored message; one without events where no contract covers it."""
        headers = message.headers or {}
        place = parse_call_subject(headers["Nats-Subject"])
        sequence = sequence_of(message)
        try:
            content = await self.codec.read(place.call, message.data)
        except Unreadable as unreadable:
            content = Message(by="", events=())
            self.unreadable[sequence] = str(unreadable)
        return Recorded(
            tenant=place.tenant,
            call=place.call,
            family=place.family,
            sequence=sequence,
            stored_ms=unix_ms(headers["Nats-Time-Stamp"]),
            message=content,
            payload=message.data,
        )


class _State(msgspec.Struct):
    first_seq: int = 0
    last_seq: int = 0
    deleted: list[int] | None = None
    subjects: dict[str, int] | None = None


class _Config(msgspec.Struct):
    max_age: int = 0  # nanoseconds


class _Info(msgspec.Struct):
    state: _State = msgspec.field(default_factory=_State)
    config: _Config = msgspec.field(default_factory=_Config)
    total: int = 0  # subjects in all
    error: dict[str, Any] | None = None
