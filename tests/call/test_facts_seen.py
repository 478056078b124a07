"""What an actor remembers of the facts that were told to it."""

import tracemalloc

from memory_log import CALL, TENANT, MemoryJournal, RecordedCall

from contracts.ids import HostId
from contracts.line import SpeechEnded
from contracts.recorded import Message, Recorded


def fact(sequence: int) -> Recorded:
    ended = SpeechEnded(at_ms=sequence, utterance=sequence, last_frame=1, ended_ms=1)
    return Recorded(
        tenant=TENANT,
        call=CALL,
        family="line",
        sequence=sequence,
        stored_ms=0.0,
        message=Message(by=HostId("gateway"), events=(ended,)),
        payload=b"%d" % sequence,
    )


def test_a_fact_is_new_once_in_whatever_order_facts_come() -> None:
    actor = RecordedCall().actor
    assert [actor.saw(fact(at)) for at in (4, 9, 2, 9, 4, 7, 2)] == [
        *(True, True, True),
        *(False, False),
        *(True, False),
    ]
    assert [at for at in range(11) if actor.has_seen(at)] == [2, 4, 7, 9]


async def test_the_next_owner_knows_what_was_named_and_no_more() -> None:
    journal = MemoryJournal()
    first = RecordedCall("dialog-1", journal)
    for at in (3, 8):
        first.actor.saw(fact(at))
    await first.claim()
    first.actor.saw(fact(11))
    second = RecordedCall("dialog-2", journal)
    await second.claim()
    assert [second.actor.has_seen(at) for at in (3, 8, 11)] == [True, True, False]


async def test_a_fact_that_was_named_takes_a_few_bytes() -> None:
    """A call of an hour has thousands."""
    call, facts = RecordedCall(), [fact(at) for at in range(1, 5_001)]
    tracemalloc.start()
    try:
        for each in facts:
            call.actor.saw(each)
        await call.claim()
        call.journal.history.clear()
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 5_000 * 16
