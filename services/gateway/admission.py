"""Who may have a call's line: whoever brings a token for the stint that comes next."""

import asyncio
from typing import Final, NamedTuple

from contracts.agent import Agent
from contracts.ids import AgentId, BadId, CallId, checked
from infra.agents import NoSuchAgent
from services.gateway import ringing
from services.gateway.carrier import Carrier, Started
from services.gateway.clock import now_ms
from services.gateway.decided import decided
from services.gateway.gateway import Gateway
from services.gateway.leg import ProtocolBroken
from services.gateway.standing import Standing, read
from services.gateway.tokens import BadToken

REFUSED: Final = 1008  # close codes: policy violation
LATER: Final = 1013  # try again later
_YIELD_S: Final = 3.0  # for this gateway's own line of the same call to be written to its end


class Admitted(NamedTuple):
    """A call whose sound may flow here from now on."""

    call: CallId
    agent: Agent
    standing: Standing  # of the line until now


class _Named(NamedTuple):
    call: CallId
    stint: int


async def admit(gateway: Gateway, carrier: Carrier, started: Started) -> Admitted:
    """The call that a socket's first message names. Raises ProtocolBroken."""
    try:
        named = _named(gateway, started) or await _ring_now(gateway, carrier, started)
        standing = await _standing(gateway, named, started)
        rang = standing.rang
        if rang is None:
            raise ProtocolBroken(REFUSED, "no such call rang")
        return Admitted(
            named.call, await gateway.agents.get(gateway.settings.tenant, rang.agent), standing
        )
    except (BadToken, BadId, NoSuchAgent) as refused:
        raise ProtocolBroken(REFUSED, str(refused)) from None
    except (ringing.NoRoom, ringing.TooMany) as full:
        raise ProtocolBroken(LATER, str(full)) from None
    except ringing.AWAY as away:
        raise ProtocolBroken(LATER, f"the log is away: {type(away).__name__}") from None


def _named(gateway: Gateway, started: Started) -> _Named | None:
    """The call this socket was sent for, by its token. None: by nobody, which is allowed here."""
    given = started.parameters
    if "call" not in given and not gateway.settings.media_auth:
        return None
    call, stint = CallId(checked("call", given.get("call", ""))), given.get("stint", "1")
    if not (stint.isascii() and stint.isdecimal() and len(stint) <= 3):
        raise BadToken("wrong stint")
    if gateway.settings.media_auth:
        gateway.tokens.check(given.get("token", ""), call, int(stint), now_ms())
    return _Named(call, int(stint))


async def _ring_now(gateway: Gateway, carrier: Carrier, started: Started) -> _Named:
    name = started.parameters.get("agent", gateway.settings.agent)
    agent = AgentId(checked("agent", name))
    ring = ringing.Ring(carrier=carrier.name, carrier_call=started.carrier_call, agent=agent)
    return _Named(await ringing.take(gateway, ring), 1)


async def _standing(gateway: Gateway, named: _Named, started: Started) -> Standing:
    """How the line stands, once no line of this gateway has it any more. Raises ProtocolBroken."""
    tenant, call = gateway.settings.tenant, named.call
    standing = await read(gateway.journal, tenant, call)
    _check(standing, named, started)
    if line := gateway.lines.find(call):
        if line.stint >= named.stint:  # not in the log yet: it is just beginning
            raise ProtocolBroken(REFUSED, "reused token: another socket has this line")
        line.lose("the carrier came back on another stream")
        async with asyncio.timeout(_YIELD_S):
            await gateway.lines.gone(call)
        standing = await read(gateway.journal, tenant, call)
        _check(standing, named, started)
    if standing.stint and (await decided(gateway, tenant, call)).over:
        raise ProtocolBroken(REFUSED, "the agent has hung up")
    return standing


def _check(standing: Standing, named: _Named, started: Started) -> None:
    if standing.rang is None:
        raise ProtocolBroken(REFUSED, "no such call rang")
    if standing.rang.carrier_call != started.carrier_call:
        raise ProtocolBroken(REFUSED, "the token belongs to another of the carrier's calls")
    if standing.ended:
        raise ProtocolBroken(REFUSED, "the call is over")
    if named.stint != standing.stint + 1:
        raise ProtocolBroken(REFUSED, "reused token: another socket has this line, or had it")
