"""Twilio's reports of a media stream: one that broke at a dead gateway is lost at once.

https://www.twilio.com/docs/voice/twiml/stream#statuscallback
"""

import logging
from typing import Final

from aiohttp import web

from contracts.journal import JournalUnavailable
from services.gateway import webhook
from services.gateway.amending import amend, lost
from services.gateway.gateway import GATEWAY
from services.gateway.holding import word_of
from services.gateway.standing import read

_log: Final = logging.getLogger("partyline.gateway")
_OVER: Final = ("stream-stopped", "stream-error")


async def on_stream(request: web.Request) -> web.Response:
    """204. A gateway that lives and had the stream knows more, and records what became of it."""
    gateway, tenant = request.app[GATEWAY], request.app[GATEWAY].settings.tenant
    form = await webhook.signed_form(gateway, request)
    call, event = webhook.named_call(request), form.get("StreamEvent", "")
    if call is None or event not in _OVER:
        return web.Response(status=204)
    try:
        standing = await read(gateway.journal, tenant, call)
        ours = standing.rang and standing.rang.carrier_call == webhook.carrier_call(form)
        this_stint = request.query.get("stint") == str(standing.stint)
        if ours and this_stint and standing.held:
            if await word_of(gateway, standing, call) in (None, "none"):
                await amend(gateway, tenant, call, lost(event, standing.stint))
    except JournalUnavailable:
        _log.warning("call %s: a report of its stream is not recorded", call)
        raise web.HTTPServiceUnavailable(text="the log is away") from None
    return web.Response(status=204)
