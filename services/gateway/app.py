"""The gateway's process: its addresses, its start and its end."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from contracts.ids import new_host_id
from infra.agents import Agents
from infra.journal import NatsJournal
from infra.nats import Bus
from services.gateway.faults import kind
from services.gateway.gateway import GATEWAY, Gateway
from services.gateway.known_calls import KnownCalls
from services.gateway.lines import Lines
from services.gateway.on_after import on_after
from services.gateway.on_media import on_media
from services.gateway.on_ring import AFTER_PATH, MEDIA_PATH, on_ring
from services.gateway.on_status import on_status
from services.gateway.settings import GatewaySettings
from services.gateway.signature import Signatures
from services.gateway.tokens import Tokens

_log: Final = logging.getLogger("partyline.gateway")
_FORM_LIMIT_BYTES: Final = 64 * 1024
_FAREWELL_S: Final = 5.0  # for the lines' last events


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running gateway is reached."""

    host: str
    port: int
    origin: str  # as carriers see it

    @property
    def url(self) -> str:
        """Where it is reached on this machine."""
        return f"http://{self.host}:{self.port}"


@asynccontextmanager
async def serve(
    bus: Bus, settings: GatewaySettings, journal: NatsJournal, agents: Agents
) -> AsyncIterator[Serving]:
    """Take calls during the block; on the way out every line is ended, and that is recorded.

    The connections stay the caller's. Raises OSError when the address is taken.
    """
    listening = socket.create_server((settings.host, settings.port), backlog=512)
    port: int = listening.getsockname()[1]
    gateway = _gateway(bus, settings, journal, agents, port)
    runner = web.AppRunner(_application(gateway), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield Serving(host=settings.host, port=port, origin=gateway.origin)
    finally:
        await _hang_up_all(gateway)
        await runner.cleanup()


def _gateway(
    bus: Bus, settings: GatewaySettings, journal: NatsJournal, agents: Agents, port: int
) -> Gateway:
    origin = settings.public_origin.rstrip("/") or f"http://{settings.host}:{port}"
    return Gateway(
        bus=bus,
        journal=journal,
        agents=agents,
        settings=settings,
        host=new_host_id("gateway"),
        origin=origin,
        signatures=Signatures(settings.twilio_auth_token, settings.twilio_shared_key, origin),
        tokens=Tokens(settings.token_secret, settings.token_ttl_s),
        known=KnownCalls(),
        lines=Lines(),
    )


def _application(gateway: Gateway) -> web.Application:
    application = web.Application(client_max_size=_FORM_LIMIT_BYTES, middlewares=[_quiet])
    application[GATEWAY] = gateway
    application.add_routes(
        [
            web.post("/twilio/voice", on_ring),
            web.get(MEDIA_PATH, on_media),
            web.post(AFTER_PATH, on_after),
            web.post("/twilio/status", on_status),
            web.get("/healthz", _on_health),
        ]
    )
    return application


@web.middleware
async def _quiet(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep an error's text out of the log: it may quote the caller."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as fault:
        _log.error("%s: fault: %s", request.path, kind(fault))
        raise web.HTTPInternalServerError(text="fault in the gateway") from None


async def _on_health(request: web.Request) -> web.Response:
    """200 while the log is within reach, else 503; how many lines are up."""
    gateway = request.app[GATEWAY]
    health = {"ok": gateway.bus.connected, "lines": len(gateway.lines)}
    return web.json_response(health, status=200 if gateway.bus.connected else 503)


async def _hang_up_all(gateway: Gateway) -> None:
    for waiting in gateway.expected.values():
        waiting.cancel()
    try:
        async with asyncio.timeout(_FAREWELL_S):
            await gateway.lines.end_all("shutdown")
    except TimeoutError:
        _log.error("%d lines ended without their last events in the log", len(gateway.lines))
