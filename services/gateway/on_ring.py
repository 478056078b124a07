"""ring -> call: Twilio's voice webhook.

A ring that the log does not take is not answered in silence: the caller is asked to wait, and the
webhook is asked again, three times in all. While everything is late no further ring is taken: its
caller is told so, and the calls that run keep their quality.
"""

import logging
from typing import Final

from aiohttp import web
from multidict import MultiMapping

from contracts.agent import Phrases
from contracts.ids import AgentId
from contracts.journal import JournalUnavailable
from infra.agents import NoSuchAgent
from services.call.phrases import fill
from services.gateway import ringing, twiml, webhook
from services.gateway.gateway import GATEWAY, Gateway
from services.gateway.inviting import invite

_log: Final = logging.getLogger("partyline.gateway")
_WAIT: Final = "One moment, please. We are connecting you."
_SORRY: Final = "We are sorry. Your call cannot be taken right now. Please call again later."
_BUSY: Final = Phrases().busy
_NOBODY: Final = "We are sorry. Nobody answers at this number."


async def on_ring(request: web.Request) -> web.Response:
    """Answer with TwiML that brings the caller's sound here.

    503 when this gateway is about to stop.
    """
    gateway = request.app[GATEWAY]
    form = await webhook.signed_form(gateway, request)
    if gateway.draining:
        raise web.HTTPServiceUnavailable(text="this gateway is about to stop")
    ring = _ring(gateway, request, form)
    try:
        call = await ringing.take(gateway, ring)
    except NoSuchAgent as unknown:
        _log.warning("ring refused: %s", unknown)
        return twiml.say_and_hang_up(_NOBODY)
    except ringing.NoRoom:
        return _busy(gateway, ring)
    except (JournalUnavailable, ringing.TooMany) as later:
        _log.warning("%s", later)
        again = webhook.next_attempt(gateway, request)
        return twiml.wait_and_ask(_WAIT, again) if again else twiml.say_and_hang_up(_SORRY)
    return invite(gateway, call, stint=1)


def _busy(gateway: Gateway, ring: ringing.Ring) -> web.Response:
    """Nothing here asks the log, which may be what is late."""
    phrase = gateway.busy_phrases.get(ring.agent, _BUSY)
    if phrase:
        return twiml.say_and_hang_up(fill(phrase, ring.variables))
    return twiml.busy_tone() if ring.direction == "inbound" else twiml.hang_up()


def _ring(gateway: Gateway, request: web.Request, form: "MultiMapping[str]") -> ringing.Ring:
    return ringing.Ring(
        carrier="twilio",
        carrier_call=webhook.carrier_call(form),
        agent=AgentId(webhook.named_agent(gateway, request)),
        direction=webhook.direction(form),
        caller=webhook.address(form, "From"),
        called=webhook.address(form, "To"),
        variables=webhook.variables(request),
    )
