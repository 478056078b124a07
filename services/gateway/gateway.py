"""What all handlers of one gateway share. Handlers meet here, not each other."""

import asyncio
from typing import Final

import msgspec
from aiohttp import web

from contracts.ids import CallId, HostId
from infra.agents import Agents
from infra.journal import NatsJournal
from infra.nats import Bus
from services.gateway.known_calls import KnownCalls
from services.gateway.lines import Lines
from services.gateway.settings import GatewaySettings
from services.gateway.signature import Signatures
from services.gateway.tokens import Tokens


class Gateway(msgspec.Struct, kw_only=True):
    """One gateway: its connections, its settings, and the lines it holds just now."""

    bus: Bus
    journal: NatsJournal
    agents: Agents
    settings: GatewaySettings
    host: HostId
    origin: str  # as carriers see it, without a slash at the end
    signatures: Signatures
    tokens: Tokens
    known: KnownCalls
    lines: Lines
    expected: dict[CallId, asyncio.Task[None]] = {}  # rang, and their sound has not come yet
    unknown_reports: int = 0  # status callbacks of calls that never rang here


GATEWAY: Final = web.AppKey("gateway", Gateway)
