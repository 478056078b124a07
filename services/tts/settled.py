"""Which sentences of a call have their outcome."""

from contracts.journal import Journal
from contracts.recorded import SynthesisEvent
from contracts.streams import CallPlace


async def settled(journal: Journal, place: CallPlace) -> set[tuple[int, int]]:
    """Reply and sentence of each. For deliveries that are not the first: they cost a read.

    Raises JournalUnavailable.
    """
    stored = journal.read(place.tenant, place.call, "synthesis")
    return {
        (event.reply, event.sentence)
        async for recorded in stored
        for _, event in recorded.events()
        if isinstance(event, SynthesisEvent)
    }
