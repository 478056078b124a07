"""A call that rang and whose sound never came: it is ended, so that nobody hosts it for ever."""

import asyncio
import logging
from typing import Final

from contracts.ids import CallId
from contracts.journal import JournalUnavailable
from contracts.line import EndReason, LineAnswered, LineEnded
from contracts.recorded import Message
from services.gateway.clock import now_ms
from services.gateway.gateway import Gateway

_log: Final = logging.getLogger("partyline.gateway")


def expect_answer(gateway: Gateway, call: CallId) -> None:
    """End the call unless its sound comes before its token has surely expired."""
    if call not in gateway.expected and call not in gateway.lines:
        gateway.expected[call] = asyncio.create_task(_wait(gateway, call))


def answer_came(gateway: Gateway, call: CallId) -> None:
    """Wait for that call no longer."""
    if waiting := gateway.expected.pop(call, None):
        waiting.cancel()


async def end_if_unanswered(gateway: Gateway, call: CallId, reason: EndReason) -> None:
    """Record the end of a call that no gateway has answered. Raises JournalUnavailable."""
    if call in gateway.lines or await _answered_or_ended(gateway, call):
        return
    message = Message(by=gateway.host, events=(LineEnded(at_ms=now_ms(), reason=reason),))
    id = f"{call}:line:ended"
    await gateway.journal.append(gateway.settings.tenant, call, "line", message, id=id)
    _log.info("call %s: ended without an answer", call)


async def _wait(gateway: Gateway, call: CallId) -> None:
    ended = False
    while not ended:
        await asyncio.sleep(gateway.settings.unanswered_s)
        try:
            await end_if_unanswered(gateway, call, "line_lost")
            ended = True
        except JournalUnavailable:
            _log.warning("call %s: rang in vain; its end is not in the log yet", call)
    gateway.expected.pop(call, None)


async def _answered_or_ended(gateway: Gateway, call: CallId) -> bool:
    async for recorded in gateway.journal.read(gateway.settings.tenant, call, "line"):
        if any(isinstance(event, LineAnswered | LineEnded) for event in recorded.message.events):
            return True
    return False
