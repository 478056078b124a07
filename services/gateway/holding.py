"""What gateways say of the lines they hold; see `asking` for the words."""

from typing import Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from contracts.ids import CallId, HostId
from contracts.streams import host_subject
from services.gateway.asking import ask
from services.gateway.gateway import Gateway
from services.gateway.lines import Lines
from services.gateway.standing import Standing

_SOON_S: Final = 0.3


async def answer_questions(gateway: Gateway) -> Subscription:
    """Answer for this gateway from now on."""

    async def answer(message: Msg) -> None:
        calls = message.data.decode(errors="replace").split()
        words = " ".join(word(gateway.lines, CallId(call)) for call in calls)
        await message.respond(words.encode())

    return await gateway.bus.nc.subscribe(host_subject(gateway.host), cb=answer)


def word(lines: Lines, call: CallId) -> str:
    """What the gateway of these lines says of a call."""
    line = lines.find(call)
    if line is None:
        return "none"
    if not line.over:
        return "held"
    return "lost" if line.given_up else "ending"


async def word_of(gateway: Gateway, standing: Standing, call: CallId) -> str | None:
    """What the line's holder says of it; None when it does not answer in time."""
    if standing.holder == gateway.host:
        return word(gateway.lines, call)
    words = await ask(gateway.bus, HostId(standing.holder), [call], _SOON_S)
    return words[0] if words else None
