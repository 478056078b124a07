"""The caller's leg comes back: gateways as processes, killed, paused and stopped in mid-call."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
from eventually import eventually_async
from programs import Program, partyline

from contracts.agent import Agent
from contracts.codec import Codec
from contracts.dialog import (
    CallerLost,
    CallerReturned,
    ReplyBegun,
    SentenceWritten,
    TurnTaken,
)
from contracts.ids import CallId, TenantId
from contracts.line import LineEnded, LineLost, LineResumed, PlaybackFinished, SentencePlayed
from contracts.recorded import CallEvent, Recorded
from infra.agents import Agents
from infra.embedded import running
from infra.journal import NatsJournal
from infra.loopback_ports import free_port
from infra.master_key import NAME, read_master_key
from infra.nats import Bus, connect
from infra.vault import Vault
from loadtest.speech import burst
from services.call.replay import check
from services.cli.agent_file import read_agent
from services.cli.caller import Caller, place_call

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]
AGENT = Path("loadtest/agents/talkative.toml")
SENTENCES = [
    "This is the first sentence of several.",
    "The second one comes after it.",
    "Then the third one is said.",
    "The fourth one is the last of them all.",
]
MAIN = TenantId("main")


class House(NamedTuple):
    """A whole platform as processes, two gateways among them."""

    bus: Bus
    journal: NatsJournal
    agent: Agent
    gateways: list[Program]
    urls: list[str]

    async def recorded(self, call: str) -> list[Recorded]:
        return [recorded async for recorded in self.journal.read(MAIN, CallId(call))]

    async def events(self, call: str) -> list[CallEvent]:
        stored = await self.recorded(call)
        return [event for message in stored for _, event in message.events()]

    async def until(self, call: str, kind: type, count: int = 1) -> list[CallEvent]:
        """The call's events, once there are so many of this kind."""
        found: list[CallEvent] = []

        async def there() -> bool:
            found[:] = await self.events(call)
            return sum(isinstance(event, kind) for event in found) >= count

        await eventually_async(there, 30)
        return found


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    data = tmp_path / "d"
    async with partyline("up", "--no-roles", "--data", data) as servers:
        await servers.prints("The servers are ready")
        addresses = running(data)
        assert addresses is not None
        bus = await connect(addresses.nats_url, name="test")
        others = partyline("serve", "rag", "tts", "dialog", "stt", "--data", data)
        async with others as rest, _gateway(data) as first, _gateway(data) as second:
            await rest.prints("Partyline serves")
            agent = read_agent(AGENT)
            await Agents(bus).publish(MAIN, agent)
            urls = [(await each.prints("Partyline serves")).split()[-1] for each in (first, second)]
            journal = NatsJournal(bus, Codec(Vault(bus, read_master_key(data / NAME))))
            yield House(bus, journal, agent, [first, second], urls)
        await bus.close()


async def test_a_caller_whose_gateway_is_killed_in_mid_reply_hears_the_rest_from_another(
    house: House,
) -> None:
    async with place_call(house.urls, agent="talkative") as caller:
        await house.until(caller.call, SentencePlayed)
        house.gateways[0].child.kill()
        events = await house.until(caller.call, PlaybackFinished)
        (lost,) = [event for event in events if isinstance(event, CallerLost)]
        assert (lost.reply, caller.lines, len(caller.breaks)) == (1, 2, 1)
        assert lost.sentences >= 1
        assert _said(events, 2) == ["I am sorry, we were cut off.", *SENTENCES[lost.sentences :]]
        begun = [event for event in events if isinstance(event, ReplyBegun)]
        assert (begun[-1].reply, begun[-1].resumes) == (2, 1)
        await caller.hear_out(10)
        await _a_turn(house, caller, 1)
        await caller.hang_up()
        events = await house.until(caller.call, LineEnded)
    assert [e.reason for e in events if isinstance(e, LineEnded)] == ["caller_hung_up"]
    assert not check(await house.recorded(caller.call), house.agent)


async def test_a_gateway_that_was_paused_writes_nothing_once_its_line_went_elsewhere(
    house: House,
) -> None:
    paused = house.gateways[0].child
    async with place_call(house.urls, agent="talkative") as caller:
        await house.until(caller.call, SentencePlayed)
        paused.send_signal(signal.SIGSTOP)
        try:
            caller.lose_line()  # as a carrier does that sees no answer
            await house.until(caller.call, LineResumed)
        finally:
            paused.send_signal(signal.SIGCONT)
        await eventually_async(lambda: _has_no_lines(house.urls[0]))
        await _a_turn(house, caller, 1)
        await caller.hang_up()
        await house.until(caller.call, LineEnded)
    line = [each for each in await house.recorded(caller.call) if each.family == "line"]
    first, *_, last = [each.message.by for each in line]
    back = [any(isinstance(e, LineResumed) for _, e in each.events()) for each in line].index(True)
    assert first != last
    assert {each.message.by for each in line[back:]} == {last}
    assert not check(await house.recorded(caller.call), house.agent)


async def test_a_gateway_that_is_asked_to_stop_hands_its_call_over_without_a_word(
    house: House,
) -> None:
    async with place_call(house.urls, agent="talkative") as caller:
        await house.until(caller.call, PlaybackFinished)
        house.gateways[0].child.send_signal(signal.SIGTERM)
        assert await house.gateways[0].ends() == 0
        events = await house.until(caller.call, CallerReturned)
        (lost,) = [event for event in events if isinstance(event, LineLost)]
        assert lost.planned
        await _a_turn(house, caller, 1)
        events = await house.events(caller.call)
        assert "I am sorry, we were cut off." not in _said(events, 2)
        assert caller.lines == 2


@asynccontextmanager
async def _gateway(data: Path) -> AsyncIterator[Program]:
    arguments = ("serve", "gateway", "--data", data, "--port", free_port())
    async with partyline(*arguments, PARTYLINE_TOKEN_SECRET="shared") as program:
        yield program


async def _a_turn(house: House, caller: Caller, number: int) -> None:
    """The caller asks, and is answered."""
    replies = await _count(house, caller.call, PlaybackFinished)
    await caller.say(burst())
    events = await house.until(caller.call, PlaybackFinished, replies + 1)
    assert [e.turn for e in events if isinstance(e, TurnTaken)] == [number]


async def _count(house: House, call: str, kind: type) -> int:
    return sum(isinstance(event, kind) for event in await house.events(call))


def _said(events: list[CallEvent], reply: int) -> list[str]:
    written = [event for event in events if isinstance(event, SentenceWritten)]
    return [event.text for event in written if event.reply == reply]


async def _has_no_lines(url: str) -> bool:
    try:
        timeout = aiohttp.ClientTimeout(total=2)
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.get(f"{url}/healthz") as got,
        ):
            return (await got.json())["lines"] == 0
    except (aiohttp.ClientError, TimeoutError):
        return False
