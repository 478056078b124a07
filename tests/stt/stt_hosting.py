"""What tests of a call's host in the recogniser's role have in common."""

import asyncio
from contextlib import AbstractAsyncContextManager

from stt_doubles import Recording
from stt_telephone import Telephone, until

from contracts.agent import Agent, Provider, Turns
from contracts.event import OwnerClaimed
from contracts.ids import HostId, new_host_id
from infra.agents import Agents
from infra.journal import NatsJournal
from infra.nats import Bus
from services.audio.frames import FRAME_BYTES
from services.stt.app import serve
from services.stt.provider import Heard, SpeechToText

QUICK = Turns(stop_ms=20, silence_ms=80)
HELLO = Heard(text="hello", final=True, confidence=0.8, language="en-US")


def scripted(*lines: str, turns: Turns = QUICK) -> Agent:
    options = {"lines": list(lines)}
    return Agent(name="a", turns=turns, stt=Provider(provider="scripted", options=options))


def heard_by_test(turns: Turns = QUICK) -> Agent:
    return Agent(name="a", turns=turns, stt=Provider(provider="recording"))


def hosting(
    bus: Bus, *ears: SpeechToText, host: HostId | None = None
) -> AbstractAsyncContextManager[None]:
    providers = {ear.name: ear for ear in ears}
    return serve(bus, NatsJournal(bus), Agents(bus), providers, host=host or new_host_id("stt"))


def frames(first: int, last: int) -> list[bytes]:
    """Frames that can be told apart."""
    return [bytes([number]) * FRAME_BYTES for number in range(first, last + 1)]


async def owned(call: Telephone) -> None:
    await call.wait_for(OwnerClaimed)  # type: ignore[type-var]


async def listened_to(call: Telephone, recording: Recording) -> None:
    """The host owns the call, and its ear is open."""
    await owned(call)
    await until(lambda: bool(recording.ears))


async def finished(recording: Recording) -> None:
    """The first ear was asked for a turn's words."""
    async with asyncio.timeout(20):
        await until(lambda: bool(recording.ears))
        await recording.ears[0].finished.acquire()
