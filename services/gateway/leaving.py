"""The carrier says that the caller is gone."""

from contracts.ids import CallId
from services.gateway.amending import amend, ended
from services.gateway.gateway import Gateway
from services.gateway.holding import word_of
from services.gateway.standing import read


async def caller_left(gateway: Gateway, call: CallId) -> None:
    """End the line, unless a gateway has it: that one is told by the carrier itself.

    Raises JournalUnavailable.
    """
    standing = await read(gateway.journal, gateway.settings.tenant, call)
    if standing.held and await word_of(gateway, standing, call) in ("held", "ending"):
        return
    await amend(gateway, gateway.settings.tenant, call, ended("caller_hung_up"))
