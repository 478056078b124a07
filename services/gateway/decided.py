"""What the call's actor decided that outlives a line: the call is over, or goes to a person."""

from typing import NamedTuple

from contracts.dialog import CallEnded, HangUpRequested, TransferRequested
from contracts.ids import CallId, TenantId
from services.gateway.gateway import Gateway


class Decided(NamedTuple):
    """`transfer`: the number to dial; empty: none."""

    over: bool
    transfer: str


async def decided(gateway: Gateway, tenant: TenantId, call: CallId) -> Decided:
    """Read it from the log. Raises JournalUnavailable."""
    over, transfer = False, ""
    async for recorded in gateway.journal.read(tenant, call, "dialog"):
        for event in recorded.message.events:
            over = over or isinstance(event, CallEnded | HangUpRequested | TransferRequested)
            if isinstance(event, TransferRequested):
                transfer = transfer or event.to
    return Decided(over, transfer)
