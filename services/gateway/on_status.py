"""Twilio's status callbacks become events, each once, in whatever order they come.

https://www.twilio.com/docs/voice/api/call-resource#statuscallback
"""

import logging
from typing import Final

from aiohttp import web
from multidict import MultiMapping

from contracts.ids import CallId
from contracts.journal import JournalUnavailable
from contracts.line import CarrierReported
from contracts.recorded import Message
from services.gateway import ringing, webhook
from services.gateway.clock import now_ms
from services.gateway.gateway import GATEWAY, Gateway
from services.gateway.leaving import caller_left
from services.gateway.standing import OVER

_log: Final = logging.getLogger("partyline.gateway")
_STATUSES: Final = ("queued", "initiated", "ringing", "in-progress", *OVER)


async def on_status(request: web.Request) -> web.Response:
    """204 once it is recorded; also for a call that never rang here, which is only counted.

    503 while the log is away: Twilio may report again.
    """
    gateway = request.app[GATEWAY]
    form = await webhook.signed_form(gateway, request)
    sid, report = webhook.carrier_call(form), _report(form)
    message = Message(by=gateway.host, events=(report,))
    id = f"{sid}:status:{report.sequence}"
    try:
        call = await _call(gateway, request, sid)
        if call is None:
            gateway.unknown_reports += 1
            return web.Response(status=204)
        await gateway.journal.append(gateway.settings.tenant, call, "line", message, id=id)
        if report.status in OVER:
            await caller_left(gateway, call)
    except JournalUnavailable:
        _log.warning("call %s: a status report is not recorded", call)
        raise web.HTTPServiceUnavailable(text="the log is away") from None
    return web.Response(status=204)


async def _call(gateway: Gateway, request: web.Request, sid: str) -> CallId | None:
    """The call with this CallSid, or the one our own address names if that has this CallSid."""
    named = webhook.named_call(request)
    if named is None or named == gateway.known.find(sid):
        return gateway.known.find(sid)
    rang = await ringing.find_ring(gateway, named)
    return named if rang and rang.carrier_call == sid else None


def _report(form: "MultiMapping[str]") -> CarrierReported:
    status = form.get("CallStatus", "")
    if status not in _STATUSES:
        raise web.HTTPBadRequest(text="CallStatus is none that is known")
    duration = form.get("CallDuration")
    return CarrierReported(
        at_ms=now_ms(),
        status=status,
        sequence=_number("SequenceNumber", form.get("SequenceNumber", "0")),
        duration_s=None if duration is None else _number("CallDuration", duration),
    )


def _number(field: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) <= 9):
        raise web.HTTPBadRequest(text=f"{field} is not a number")
    return int(value)
