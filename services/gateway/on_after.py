"""What the carrier does with a call once its media socket is over: it brings the caller back.

https://www.twilio.com/docs/voice/twiml/connect: the action is requested when the stream ends,
whoever ended it. A carrier that lost its socket to a gateway that died asks here, at any gateway.
"""

import logging
from typing import Final

from aiohttp import web
from multidict import MultiMapping

from contracts.ids import CallId
from contracts.journal import JournalUnavailable
from services.gateway import twiml, webhook
from services.gateway.amending import amend, ended
from services.gateway.decided import decided
from services.gateway.gateway import GATEWAY, Gateway
from services.gateway.holding import word_of
from services.gateway.inviting import invite
from services.gateway.leaving import caller_left
from services.gateway.standing import OVER, Standing, read

_log: Final = logging.getLogger("partyline.gateway")
_WAIT: Final = "One moment, please."
_ATTEMPTS: Final = 10  # to bring one caller back to a socket
_STINTS: Final = 50  # a line that broke so often will break again


async def on_after(request: web.Request) -> web.Response:
    """Answer with TwiML: dial who the actor asked for, hang up, or connect the caller again."""
    gateway = request.app[GATEWAY]
    form = await webhook.signed_form(gateway, request)
    call = webhook.named_call(request) or gateway.known.find(webhook.carrier_call(form))
    if call is None:
        return twiml.hang_up()
    try:
        return await _next(gateway, request, call, form)
    except JournalUnavailable:
        _log.warning("call %s: what comes after could not be read", call)
        again = webhook.next_attempt(gateway, request)
        return twiml.wait_and_ask(_WAIT, again) if again else twiml.hang_up()


async def _next(
    gateway: Gateway, request: web.Request, call: CallId, form: "MultiMapping[str]"
) -> web.Response:
    tenant = gateway.settings.tenant
    standing = await read(gateway.journal, tenant, call)
    if standing.rang is None or standing.rang.carrier_call != webhook.carrier_call(form):
        return twiml.hang_up()
    wanted = await decided(gateway, tenant, call)
    if wanted.transfer:
        return twiml.dial(wanted.transfer)
    if form.get("CallStatus", "") in OVER:
        await caller_left(gateway, call)
        return twiml.hang_up()
    if standing.ended or await _is_ending(gateway, call, standing, over=wanted.over):
        return twiml.hang_up()
    return await _bring_back(gateway, request, call, standing.stint + 1)


async def _is_ending(gateway: Gateway, call: CallId, standing: Standing, *, over: bool) -> bool:
    """Whether the line's end is on its way into the log. `over`: the actor has decided it."""
    word = await word_of(gateway, standing, call) if standing.held else "none"
    if over and word in (None, "none"):
        await amend(gateway, gateway.settings.tenant, call, ended("agent_hung_up"))
    return over or word == "ending" or (standing.held and await _has_ended(gateway, call, standing))


async def _has_ended(gateway: Gateway, call: CallId, standing: Standing) -> bool:
    """Whether the holder wrote the end between our read of the log and its word."""
    return (await read(gateway.journal, gateway.settings.tenant, call, standing)).ended is not None


async def _bring_back(
    gateway: Gateway, request: web.Request, call: CallId, stint: int
) -> web.Response:
    attempt = _attempt(request, stint)
    if attempt > _ATTEMPTS or stint > _STINTS:
        _log.error("call %s: no gateway takes its line; it is ended", call)
        change = ended("line_lost", waiting_since=stint - 1)
        await amend(gateway, gateway.settings.tenant, call, change)
        return twiml.hang_up()
    _log.info("call %s: its line is asked back, stint %d", call, stint)
    return invite(gateway, call, stint, attempt)


def _attempt(request: web.Request, stint: int) -> int:
    """How often the caller is sent to this stint now: once more when the socket did not come."""
    tried = request.query.get("try", "1")
    if request.query.get("stint") != str(stint) or tried not in map(str, range(_ATTEMPTS + 1)):
        return 1
    return int(tried) + 1
