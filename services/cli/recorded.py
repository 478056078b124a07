"""A call's whole history, read from the log."""

from contracts.ids import CallId, TenantId
from contracts.recorded import CallEvent, Recorded
from infra.archive import Archive
from infra.call_log import WholeCall, begins, together
from infra.journal import NatsJournal
from services.call.actor import dialog_events
from services.call.evolve import fold
from services.call.replay import state_at
from services.call.state import CallState


class NoSuchCall(LookupError):
    """The log holds nothing of this call."""


async def history(
    journal: NatsJournal, tenant: TenantId, call: CallId, archive: Archive | None = None
) -> list[Recorded]:
    """Every message of the call in stored order, archived ones too. Raises NoSuchCall."""
    found = [recorded async for recorded in journal.read(tenant, call)]
    if archive is not None and not begins(found):
        old = await archive.read(tenant, call)
        readable = [each for each in old.history if each.sequence not in old.unreadable]
        found = together(WholeCall(readable, {}), WholeCall(found, {})).history
    if not found:
        raise NoSuchCall(f"The log holds no call {call}. 'partyline calls' lists those it holds.")
    return found


class NoSuchEvent(LookupError):
    """The call has fewer events than that."""


def numbered(recorded: list[Recorded]) -> list[tuple[int, Recorded, CallEvent]]:
    """All events of a call with their numbers, which start at 1."""
    flat = [(message, event) for message in recorded for _, event in message.events()]
    return [(number, message, event) for number, (message, event) in enumerate(flat, start=1)]


def state_after(recorded: list[Recorded], number: int) -> CallState:
    """The actor's state after event `number`, even one in the middle of a message.

    Raises: NoSuchEvent.
    """
    count = sum(len(each.message.events) for each in recorded)
    if not 1 <= number <= count:
        raise NoSuchEvent(f"The call has events 1 to {count}; there is no event {number}.")
    seen = 0
    for place, message in enumerate(recorded):
        events = message.message.events
        if seen + len(events) >= number:
            state = state_at(recorded[:place])
            if message.family != "dialog":
                return state
            kept = dialog_events(message.message)[: number - seen]
            return fold(kept, state)
        seen += len(events)
    return state_at(recorded)
