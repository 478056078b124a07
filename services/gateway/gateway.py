"""What all handlers of one gateway share. Handlers meet here, not each other."""

from typing import Final

import msgspec
from aiohttp import web

from contracts.ids import AgentId, HostId
from infra.agents import Agents
from infra.journal import NatsJournal
from infra.nats import Bus
from services.audio.silero import Silero
from services.gateway.calling_back import CallingBack
from services.gateway.holders import Holders
from services.gateway.known_calls import KnownCalls
from services.gateway.lateness import Lateness
from services.gateway.lines import Lines
from services.gateway.making import Making
from services.gateway.moments import Moments
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
    holders: Holders
    calling_back: CallingBack
    lateness: Lateness
    making: Making
    silero: Silero | None  # None: by energy alone it is known when callers speak
    moments: Moments
    busy_phrases: dict[AgentId, str] = {}  # of agents that were rung
    draining: bool = False  # it is about to stop: it takes no rings and no sockets
    unknown_reports: int = 0  # status callbacks of calls that never rang here


GATEWAY: Final = web.AppKey("gateway", Gateway)
