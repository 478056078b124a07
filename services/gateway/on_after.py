"""What Twilio does with a call once its media socket is closed: put it through, or hang up."""

import logging
from typing import Final

from aiohttp import web

from contracts.dialog import TransferRequested
from contracts.ids import CallId
from contracts.journal import JournalUnavailable
from services.gateway import twiml, webhook
from services.gateway.gateway import GATEWAY, Gateway

_log: Final = logging.getLogger("partyline.gateway")
_WAIT: Final = "One moment, please."


async def on_after(request: web.Request) -> web.Response:
    """Answer with TwiML that dials the number the actor asked for, else hangs up."""
    gateway = request.app[GATEWAY]
    form = await webhook.signed_form(gateway, request)
    call = webhook.named_call(request) or gateway.known.find(webhook.carrier_call(form))
    try:
        number = await _transfer(gateway, call) if call else ""
    except JournalUnavailable:
        _log.warning("call %s: what comes after could not be read", call)
        again = webhook.next_attempt(gateway, request)
        return twiml.wait_and_ask(_WAIT, again) if again else twiml.hang_up()
    return twiml.dial(number) if number else twiml.hang_up()


async def _transfer(gateway: Gateway, call: CallId) -> str:
    """The number the actor asked for; empty: none."""
    async for recorded in gateway.journal.read(gateway.settings.tenant, call, "dialog"):
        for event in recorded.message.events:
            if isinstance(event, TransferRequested):
                return event.to
    return ""
