"""The roles of the platform, composed: any of them in this process, on one loop.

What a role is made of is imported with it: a process of one role starts without the others.
"""

import asyncio
import errno
import importlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final, Literal, get_args

import msgspec

from contracts.codec import Codec
from contracts.ids import new_host_id
from infra.agents import Agents
from infra.beside import beside
from infra.hosting import Drain
from infra.journal import NatsJournal
from infra.load import telling_load
from infra.nats import Bus, connect, create_streams
from infra.outside import Offer, Offered, Port
from infra.telemetry import enabled, exporting
from services.cli.places import Places
from services.cli.sealing import vault_of
from services.cli.settings import Settings
from services.dialog import providers as dialog_providers
from services.dialog.timed import TimedModel
from services.stt import providers as stt_providers
from services.stt.timed import TimedEars
from services.tts import providers as tts_providers
from services.tts.timed import TimedVoice

Role = Literal["gateway", "stt", "dialog", "rag", "tts", "projections"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
LOADED: Final = ("stt", "dialog", "rag", "tts")  # whose load each call adds to, but the gateway's
_log: Final = logging.getLogger("partyline")
_SLOW_IMPORTS: Final[Mapping[Role, tuple[str, ...]]] = {
    "gateway": ("services.gateway.app",),
    "dialog": ("services.dialog.app",),
    "stt": ("services.stt.app",),
    "tts": ("services.tts.app",),
    "projections": ("services.cli.following",),
    "rag": ("services.cli.knowing", "services.rag.stores.client"),
}
_PREFERRED_PORT: Final = 8080  # else any free one
_QUIET_S: Final = 2.0  # a call that is to be handed over is waited for so long


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What is up. `url`: the gateway's, when it is among the roles.

    `complete`: set when rag, which may come last, answers questions from all it was told before.
    """

    bus: Bus
    journal: NatsJournal
    url: str = ""
    complete: asyncio.Event


@asynccontextmanager
async def serve_roles(
    roles: Sequence[Role], places: Places, settings: Settings, *, rag_last: bool = False
) -> AsyncIterator[Running]:
    """Run the roles while the context lasts; on the way out each ends its work in order.

    Args:   rag_last: calls are taken before there are passages for them: rag takes longest to
                start, and nobody asks before the greeting is over.
    Raises: BusUnavailable, PostgresUnavailable, BadMasterKey, Locked, and what a role needs that is
    not there.
    """
    async with AsyncExitStack() as stack:
        if enabled():
            from services.cli.pricing import price_uses

            price_uses(settings)
            stack.enter_context(exporting(" ".join(roles)))
        bus = await connect(places.nats, name=f"partyline {' '.join(roles)}")
        stack.push_async_callback(bus.close)
        kept = bool(settings.archive)
        await create_streams(bus, replicas=settings.replicas, keep_calls=kept)
        vault = vault_of(bus, places)
        await vault.check()
        journal, agents = NatsJournal(bus, Codec(vault)), Agents(bus)
        others, complete = asyncio.Event(), asyncio.Event()
        if "projections" in roles:
            await stack.enter_async_context(_projections(bus, journal.codec, places, settings))
        if "rag" in roles:
            rag = _rag(bus, journal, places, settings)
            if rag_last:
                await stack.enter_async_context(beside(_when(others, rag, complete)))
            else:
                await stack.enter_async_context(rag)
        if "tts" in roles:
            await stack.enter_async_context(_tts(bus, journal, places, settings))
        if "dialog" in roles:
            await stack.enter_async_context(_dialog(bus, journal, agents, settings))
        if "stt" in roles:
            await stack.enter_async_context(_stt(bus, journal, agents, settings))
        if hosts := [role for role in roles if role in LOADED]:
            host = new_host_id("load")
            await stack.enter_async_context(telling_load(bus, hosts, host))
        url = ""
        if "gateway" in roles:
            url = await stack.enter_async_context(_gateway(bus, journal, agents, settings))
        others.set()
        if "rag" not in roles or not rag_last:
            complete.set()
        yield Running(bus=bus, journal=journal, url=url, complete=complete)


async def _when(
    others: asyncio.Event, rag: AbstractAsyncContextManager[None], complete: asyncio.Event
) -> None:
    """Run rag from the moment when the others are up, until cancelled."""
    await others.wait()
    await asyncio.to_thread(import_ahead, ("rag",))
    async with rag:
        complete.set()
        await asyncio.Event().wait()


def import_ahead(roles: Sequence[Role]) -> None:
    """Import what takes long, in a thread, while the servers start."""
    for role, modules in _SLOW_IMPORTS.items():
        if role in roles:
            for name in modules:
                importlib.import_module(name)


@asynccontextmanager
async def _projections(
    bus: Bus, codec: Codec, places: Places, settings: Settings
) -> AsyncIterator[None]:
    from services.cli.following import following

    async with following(bus, codec, places, settings):
        yield


@asynccontextmanager
async def _rag(
    bus: Bus, journal: NatsJournal, places: Places, settings: Settings
) -> AsyncIterator[None]:
    from services.cli.knowing import knowing

    async with knowing(bus, journal, places, settings):
        yield


@asynccontextmanager
async def _tts(
    bus: Bus, journal: NatsJournal, places: Places, settings: Settings
) -> AsyncIterator[None]:
    from services.tts.app import Settings as TtsSettings
    from services.tts.app import serve

    voices = _usable(tts_providers.OFFERED, settings, TimedVoice)
    told = TtsSettings(warm=("embedded",))
    try:
        async with serve(
            *(bus, places.nats, voices, journal),
            host=new_host_id("tts"),
            codec=journal.codec,
            settings=told,
        ):
            yield
    finally:
        await voices.close()


@asynccontextmanager
async def _stt(
    bus: Bus, journal: NatsJournal, agents: Agents, settings: Settings
) -> AsyncIterator[None]:
    from services.stt.app import serve

    ears = _usable(stt_providers.OFFERED, settings, TimedEars)
    host = new_host_id("stt")
    try:
        async with serve(
            bus, journal, agents, ears, host=host, room=settings.room, drain=_drain(settings)
        ):
            yield
    finally:
        await ears.close()


@asynccontextmanager
async def _dialog(
    bus: Bus, journal: NatsJournal, agents: Agents, settings: Settings
) -> AsyncIterator[None]:
    from services.dialog.app import serve

    models = _usable(dialog_providers.OFFERED, settings, TimedModel)
    host = new_host_id("dialog")
    try:
        async with serve(
            bus, journal, agents, models, host=host, room=settings.room, drain=_drain(settings)
        ):
            yield
    finally:
        await models.close()


def _drain(settings: Settings) -> Drain:
    """How STT and dialog part with their calls; the gateway has its own ways."""
    match settings.drain:
        case "hand_over":
            return Drain(quiet_s=_QUIET_S)
        case "finish":
            return Drain(finish_s=settings.drain_s, quiet_s=_QUIET_S)
        case "end":
            return Drain()


def _usable(
    offers: Mapping[str, Offer[Port]], settings: Settings, timed: Callable[[Port], Port]
) -> Offered[Port]:
    """The providers that are configured, ready for use; `timed` where somebody wants to know."""
    keys = settings.provider_keys()
    offered = Offered(offers, keys, timed) if enabled() else Offered(offers, keys)
    offered.make_all()
    for name, lacks in offered.lacking.items():
        _log.info("provider %s is off: %s", name, lacks)
    return offered


@asynccontextmanager
async def _gateway(
    bus: Bus, journal: NatsJournal, agents: Agents, settings: Settings
) -> AsyncIterator[str]:
    from services.gateway.app import serve
    from services.gateway.settings import GatewaySettings

    if not settings.media_auth:
        _log.warning("media sockets are open to everybody: --no-media-auth was given")
    told = GatewaySettings(
        host=settings.host,
        port=settings.port or _PREFERRED_PORT,
        public_origin=settings.public_origin,
        twilio_account_sid=settings.twilio_account_sid,
        twilio_auth_token=settings.twilio_auth_token or None,
        twilio_url=settings.twilio_url,
        return_ms=settings.return_ms,
        twilio_shared_key=settings.twilio_shared_key or None,
        media_auth=settings.media_auth,
        busy_ms=settings.busy_ms,
        detector=settings.detector,
        drain=settings.drain,
        drain_s=settings.drain_s,
        token_secret=settings.token_secret.encode(),
        tenant=settings.tenant,
        agent=settings.agent,
    )
    async with AsyncExitStack() as stack:
        try:
            serving = await stack.enter_async_context(serve(bus, told, journal, agents))
        except OSError as taken:
            if settings.port or taken.errno != errno.EADDRINUSE:
                raise
            anywhere = msgspec.structs.replace(told, port=0)
            serving = await stack.enter_async_context(serve(bus, anywhere, journal, agents))
        yield f"http://{serving.host}:{serving.port}"
