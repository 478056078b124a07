"""The gateway's process: its addresses, its start and its end."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from nats.aio.subscription import Subscription

from contracts.ids import new_host_id
from infra.again import tell_again
from infra.agents import Agents
from infra.beside import beside
from infra.claims import Claims
from infra.hosting import hosting
from infra.journal import NatsJournal
from infra.nats import Bus
from services.audio.silero import Silero
from services.gateway.calling_back import CallingBack
from services.gateway.draining import drain
from services.gateway.faults import kind
from services.gateway.gateway import GATEWAY, Gateway
from services.gateway.holders import Holders
from services.gateway.holding import answer_questions, word
from services.gateway.inviting import AFTER_PATH, MEDIA_PATH, STREAM_PATH
from services.gateway.known_calls import KnownCalls
from services.gateway.lateness import Lateness
from services.gateway.lines import Lines
from services.gateway.making import Making
from services.gateway.moments import Moments
from services.gateway.on_after import on_after
from services.gateway.on_media import on_media
from services.gateway.on_ring import on_ring
from services.gateway.on_status import on_status
from services.gateway.on_stream import on_stream
from services.gateway.settings import GatewaySettings
from services.gateway.signature import Signatures
from services.gateway.tokens import Tokens
from services.gateway.watching import watch_line

_log: Final = logging.getLogger("partyline.gateway")
_FORM_LIMIT_BYTES: Final = 64 * 1024


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
    """Take calls during the block; on the way out every line is parted with, see `draining`.

    The connections stay the caller's. Raises OSError when the address is taken, and NoSilero.
    """
    silero = await asyncio.to_thread(Silero) if settings.detector == "silero" else None
    listening = socket.create_server((settings.host, settings.port), backlog=512)
    port: int = listening.getsockname()[1]
    gateway = _gateway(bus, settings, journal, agents, silero, port)
    async with AsyncExitStack() as leaving:
        leaving.push_async_callback(gateway.calling_back.close)
        leaving.push_async_callback(gateway.moments.close)
        runner = web.AppRunner(_application(gateway), access_log=None, shutdown_timeout=1.0)
        leaving.push_async_callback(runner.cleanup)
        await leaving.enter_async_context(gateway.lateness.watching())
        questions = await answer_questions(gateway)
        leaving.push_async_callback(_unsubscribe, gateway, questions)
        leaving.push_async_callback(_unsubscribe, gateway, await tell_again(bus))
        await runner.setup()
        await web.SockSite(runner, listening).start()
        leaving.push_async_callback(drain, gateway)
        await leaving.enter_async_context(_watching(gateway))
        leaving.callback(_stop_taking, gateway)
        yield Serving(host=settings.host, port=port, origin=gateway.origin)


@asynccontextmanager
async def _watching(gateway: Gateway) -> AsyncIterator[None]:
    """Watch over lines, whoever has them, during the block; then others do."""
    host = new_host_id("line")
    async with Claims(gateway.bus, "line", host) as claims:
        watching = hosting(claims, gateway.settings.watched, partial(watch_line, gateway))
        async with beside(gateway.holders.run()), watching:
            yield


def _stop_taking(gateway: Gateway) -> None:
    gateway.draining = True


async def _unsubscribe(gateway: Gateway, subscription: Subscription) -> None:
    if not gateway.bus.nc.is_closed:
        await subscription.unsubscribe()


def _gateway(
    bus: Bus,
    settings: GatewaySettings,
    journal: NatsJournal,
    agents: Agents,
    silero: Silero | None,
    port: int,
) -> Gateway:
    origin = settings.public_origin.rstrip("/") or f"http://{settings.host}:{port}"
    host, lines = new_host_id("gateway"), Lines()
    return Gateway(
        bus=bus,
        journal=journal,
        agents=agents,
        settings=settings,
        host=host,
        origin=origin,
        signatures=Signatures(settings.twilio_auth_token, settings.twilio_shared_key, origin),
        tokens=Tokens(settings.token_secret, settings.token_ttl_s),
        known=KnownCalls(),
        lines=lines,
        holders=Holders(bus, settings.gone_ms / 1000, {host: partial(word, lines)}),
        calling_back=CallingBack(
            settings.twilio_account_sid, settings.twilio_auth_token or "", settings.twilio_url
        ),
        lateness=Lateness(bus, settings.busy_ms),
        making=Making(settings.rings_at_once),
        silero=silero,
        moments=Moments(bus, settings.tenant),
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
            web.post(STREAM_PATH, on_stream),
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
    """200 while calls are taken and the log is within reach, else 503; what is up, and how late.

    A busy gateway is well: its calls come back to it, and only further ones are refused.
    """
    gateway = request.app[GATEWAY]
    well = gateway.bus.connected and not gateway.draining
    lateness = gateway.lateness
    health = {
        "ok": well,
        "lines": len(gateway.lines),
        "busy": lateness.busy,
        "late_ms": round(lateness.worst.ms),
        "refused": lateness.refused,
    }
    return web.json_response(health, status=200 if well else 503)
