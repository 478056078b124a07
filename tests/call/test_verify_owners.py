"""Who wrote a message, against who owned the call then."""

from memory_log import CALL, TENANT
from scenes import NOW, answered

from contracts.event import OwnerClaimed
from contracts.recorded import Message, Recorded
from services.call.verify.epochs import owners, stints


def history(*messages: Message) -> list[Recorded]:
    return [
        Recorded(
            tenant=TENANT,
            call=CALL,
            family="line",
            sequence=sequence,
            stored_ms=float(NOW),
            message=message,
        )
        for sequence, message in enumerate(messages, 1)
    ]


def by(host: str, epoch: int) -> Message:
    return Message(by=host, events=(answered(),), epoch=epoch)


def claim(host: str, epoch: int) -> Message:
    claimed = OwnerClaimed(at_ms=NOW, role="stt", host=host, epoch=epoch)
    return Message(by=host, events=(claimed,), epoch=epoch)


def test_a_gateway_that_writes_after_another_had_the_line_is_found() -> None:
    told = history(by("a", 1), by("b", 2), by("a", 1), by("status", 0))
    assert [(f.kind, f.sequence) for f in stints(told)] == [("epoch", 3)]


def test_owners_that_follow_each_other_are_as_they_must_be() -> None:
    assert owners(history(claim("a", 1), by("a", 1), claim("b", 2), by("b", 2))) == []


def test_an_owner_that_writes_after_its_successor_claimed_the_call_is_found() -> None:
    told = history(claim("a", 1), claim("b", 2), by("a", 1), by("a", 2), by("b", 2))
    assert [f.sequence for f in owners(told)] == [3, 4]


def test_an_epoch_that_nobody_claimed_or_that_was_skipped_is_found() -> None:
    told = history(claim("a", 1), by("b", 2), claim("c", 4))
    assert [f.sequence for f in owners(told)] == [2, 3]
