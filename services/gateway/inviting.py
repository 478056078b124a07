"""The caller's sound is asked for: at the ring, and again each time the line comes back."""

from typing import Final

from aiohttp import web

from contracts.ids import CallId
from services.gateway import twiml
from services.gateway.clock import now_ms
from services.gateway.gateway import Gateway
from services.gateway.signature import OVERRIDES, socket_origin

MEDIA_PATH: Final = "/twilio/media"
AFTER_PATH: Final = "/twilio/after"
STREAM_PATH: Final = "/twilio/stream"


def invite(gateway: Gateway, call: CallId, stint: int, attempt: int = 1) -> web.Response:
    """TwiML that brings the call's sound to a gateway for the `stint`-th time.

    `attempt`: how often that was asked for; from the second on the carrier waits a little before.
    """
    token = gateway.tokens.issue(call, stint, now_ms())
    return twiml.stream(
        socket_origin(gateway.origin) + MEDIA_PATH,
        after_url(gateway, call, stint, attempt),
        f"{gateway.origin}{STREAM_PATH}?call={call}&stint={stint}{OVERRIDES}",
        {"call": call, "stint": str(stint), "token": token},
        pause=attempt > 1,
    )


def after_url(gateway: Gateway, call: CallId, stint: int, attempt: int) -> str:
    """Where the carrier asks what to do once that stint is over, or did not come about."""
    query = f"call={call}&stint={stint}&try={attempt}"
    return f"{gateway.origin}{AFTER_PATH}?{query}{OVERRIDES}"
