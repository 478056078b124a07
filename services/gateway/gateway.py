"""What all handlers of one gateway share. Handlers meet here, not each other."""

from typing import Final

import msgspec
from aiohttp import web

from contracts.ids import CallId, HostId
from infra.agents import Agents
from infra.journal import NatsJournal
from infra.nats import Bus
from services.gateway.line import Line
from services.gateway.settings import GatewaySettings
from services.gateway.signature import Signatures
from services.gateway.known_calls import KnownCalls
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
    lines: dict[CallId, Line] = {}
    unknown_reports: int = 0  # status callbacks of calls that never rang here


GATEWAY: Final = web.AppKey("gateway", Gateway)
