"""A journal in memory that keeps real bytes, and a call's actor driven through it."""

from collections.abc import AsyncIterator, Callable

from scenes import AGENT, NOW, AnyFact

from contracts import dialog, line, passages, synthesis, transcript
from contracts.codec import Codec
from contracts.ids import CallId, HostId, TenantId
from contracts.journal import Appended, WrongVersion
from contracts.recorded import Fact, FactCause, Message, Recorded
from contracts.streams import Family
from services.call.actor import Actor

TENANT, CALL = TenantId("practice"), CallId("call-1")
_FAMILIES: dict[str, Family] = {
    line.__name__: "line",
    transcript.__name__: "transcript",
    passages.__name__: "passages",
    synthesis.__name__: "synthesis",
}


class MemoryJournal:
    """contracts.journal.Journal of one call; what is read was decoded from what was stored."""

    def __init__(self) -> None:
        self.history: list[Recorded] = []
        self._ids: dict[str, int] = {}

    async def append(
        self,
        tenant: TenantId,
        call: CallId,
        family: Family,
        message: Message,
        *,
        id: str,
        after: int | None = None,
    ) -> Appended:
        last = max((r.sequence for r in self.history if r.family == family), default=0)
        if after is not None and after != last:
            raise WrongVersion(family)
        payload = Codec().encode(call, message)
        recorded = Recorded(
            tenant=tenant,
            call=call,
            family=family,
            sequence=len(self.history) + 1,
            stored_ms=float(NOW),
            message=Codec().decode(call, payload),
            payload=payload,
        )
        self.history.append(recorded)
        return Appended(recorded.sequence, False, payload)

    async def read(
        self,
        tenant: TenantId,
        call: CallId,
        family: Family | None = None,
        *,
        after: int = 0,
        left_out: Callable[[int], None] | None = None,
    ) -> AsyncIterator[Recorded]:
        for recorded in list(self.history):
            if recorded.sequence > after and family in (None, recorded.family):
                yield recorded


class RecordedCall:
    """A call whose facts are stored first and then decided upon, as on the real line."""

    def __init__(self, host: str = "dialog-1", journal: MemoryJournal | None = None) -> None:
        self.journal = journal or MemoryJournal()
        self.actor = Actor(self.journal, TENANT, CALL, AGENT, HostId(host))

    async def claim(self) -> None:
        await self.actor.claim(NOW)

    async def take(self, fact: AnyFact) -> None:
        if isinstance(fact, dialog.InnerFact):
            await self.actor.take(fact)
            return
        await self.store(fact)
        await self.catch_up()

    async def store(self, fact: Fact) -> None:
        """The outside says it, and the actor has not heard it yet."""
        by = f"outside-{len(self.journal.history)}"  # no two messages are the same
        message = Message(by=by, events=(fact,))
        await self.journal.append(TENANT, CALL, family_of(fact), message, id="")

    async def catch_up(self) -> None:
        """The actor takes what it has not seen."""
        for recorded in list(self.journal.history):
            if recorded.family != "dialog" and self.actor.saw(recorded):
                for index, event in recorded.events():
                    assert isinstance(event, Fact)
                    place = FactCause(sequence=recorded.sequence, index=index)
                    await self.actor.take(event, place)


def family_of(fact: AnyFact) -> Family:
    """Where a fact is stored."""
    return _FAMILIES[type(fact).__module__]
