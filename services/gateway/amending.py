"""What others than its holder add to a line: each addition fits the line exactly as it stands."""

import asyncio
from collections.abc import Callable
from typing import Final

from contracts.ids import CallId, TenantId
from contracts.journal import WrongVersion
from contracts.line import EndReason, LineEnded
from contracts.recorded import LineEvent, Message
from services.gateway.clock import now_ms
from services.gateway.gateway import Gateway
from services.gateway.standing import Standing, confirmed, fold, read

_AGAIN_S: Final = 0.05  # a replica that was read may be behind the one that refused
Change = Callable[[Standing], tuple[LineEvent, ...]]


async def amend(gateway: Gateway, tenant: TenantId, call: CallId, change: Change) -> Standing:
    """Append what `change` makes of the line as it stands; nothing when it makes nothing.

    Returns the standing after it. Raises JournalUnavailable.
    """
    while True:
        standing = await read(gateway.journal, tenant, call)
        events = change(standing)
        if not events:
            return standing
        message = Message(by=gateway.host, events=events, epoch=standing.stint)
        kinds = "+".join(type(event).__name__ for event in events)
        id = f"{call}:line:{standing.stint}:{kinds}"
        try:
            stored = await gateway.journal.append(
                tenant, call, "line", message, id=id, after=standing.sequence
            )
            return fold(standing, message, stored.sequence)
        except WrongVersion:
            await asyncio.sleep(_AGAIN_S)


def ended(reason: EndReason, *, waiting_since: int | None = None) -> Change:
    """The end of a line that rang and has not ended.

    `waiting_since`: only while no gateway has it since that stint.
    """

    def change(standing: Standing) -> tuple[LineEvent, ...]:
        if standing.rang is None or standing.ended:
            return ()
        if waiting_since is not None and (standing.held or standing.stint != waiting_since):
            return ()
        return (LineEnded(at_ms=now_ms(), reason=reason),)

    return change


def lost(reason: str, stint: int) -> Change:
    """The loss of the line's stint `stint`, while that one still has it."""

    def change(standing: Standing) -> tuple[LineEvent, ...]:
        if not standing.held or standing.stint != stint:
            return ()
        return (confirmed(standing, now_ms(), reason),)

    return change
