"""The log of one made-up call while it goes on: in memory, and at once."""

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from contracts.codec import Codec
from contracts.ids import CallId, TenantId
from contracts.journal import Appended, WrongVersion
from contracts.recorded import Message, Recorded
from contracts.streams import Family
from loadtest.generating.history import Told

CALL = CallId("made-up")  # no message holds the id of its call

Result = TypeVar("Result")


class MemoryLog:
    """contracts.journal.Journal of one call. What is read was decoded from what was stored."""

    def __init__(self, tenant: TenantId, now_ms: Callable[[], int]) -> None:
        self._tenant, self._now_ms = tenant, now_ms
        self._codec = Codec()
        self._newest: dict[str, int] = {}  # sequence by family
        self.history: list[Recorded] = []
        self.told: list[Told] = []

    def store(self, family: Family, message: Message, id: str) -> Recorded:
        """Append, and say how it stands in the log."""
        payload, at_ms = self._codec.encode(CALL, message), self._now_ms()
        stored = Recorded(
            tenant=self._tenant,
            call=CALL,
            family=family,
            sequence=len(self.history) + 1,
            stored_ms=float(at_ms),
            message=self._codec.decode(CALL, payload),
            payload=payload,
        )
        self._newest[family] = stored.sequence
        self.history.append(stored)
        self.told.append(Told(family, message, id, at_ms))
        return stored

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
        """See contracts.journal.Journal.append."""
        if after is not None and after != self._newest.get(family, 0):
            raise WrongVersion(family)
        stored = self.store(family, message, id.removeprefix(f"{call}:"))
        return Appended(stored.sequence, False, stored.payload)

    async def read(
        self,
        tenant: TenantId,
        call: CallId,
        family: Family | None = None,
        *,
        after: int = 0,
        left_out: Callable[[int], None] | None = None,
    ) -> AsyncIterator[Recorded]:
        """See contracts.journal.Journal.read."""
        for stored in self.history[after:]:
            if family in (None, stored.family):
                yield stored


def at_once(work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` returns, which awaits nothing but this log."""
    try:
        work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    raise RuntimeError("it waits for something outside the made-up call")
