"""A whole call over the real log, from claim to hang-up, with the example practice."""

from pathlib import Path

from lines import REF, TENANT, a_line, now_ms
from msgspec.structs import replace

from contracts import dialog, line
from contracts.claim import Claim
from contracts.event import OwnerClaimed
from contracts.ids import AgentId, HostId
from infra.agents import Agents
from infra.claims import offer
from infra.journal import NatsJournal
from infra.nats import Bus
from services.call.phrases import fill
from services.call.state import Ended, state_hash
from services.cli.agent_file import read_agent
from services.cli.example.diary import diary
from services.dialog.app import serve
from services.dialog.provider import LanguageModel
from services.dialog.providers.rules import Rules

EXAMPLE = Path(__file__).parents[2] / "services" / "cli" / "example" / "agent.toml"
MODELS: dict[str, LanguageModel] = {"rules": Rules()}


async def test_a_caller_asks_books_and_says_goodbye(bus: Bus) -> None:
    journal, agents = NatsJournal(bus), Agents(bus)
    async with (
        diary() as (book, url),
        serve(bus, journal, agents, MODELS, host=HostId("dialog-conversation")),
    ):
        agent = read_agent(EXAMPLE, {"diary": url})
        ref = await agents.publish(TENANT, agent)
        async with a_line(bus, agent) as call:
            rang = line.LineRang(at_ms=now_ms(), carrier="loopback", carrier_call="CA", agent=ref)
            await call.tell(rang)
            claim = Claim(tenant=TENANT, call=call.call, role="dialog", agent=ref, rang_ms=now_ms())
            await offer(bus, claim)
            assert (await call.next(OwnerClaimed)).epoch == 1
            await call.tell(line.LineAnswered(at_ms=now_ms(), stream="MZ1"))
            greeting = fill(agent.phrases.greeting, agent.variables)
            assert await call.hear() == greeting

            await call.say("when are you open on saturday")
            wanted = await call.next(dialog.PassagesWanted)
            assert wanted.agent == ref
            await call.know(wanted.turn, "On Saturday we are open from ten to one. Come in.")
            assert await call.hear() == "On Saturday we are open from ten to one."

            await call.say("i would like to book a check up on tuesday at ten")
            assert "check up on tuesday at ten" in await call.hear()
            assert book.bookings == {}
            await call.say("yes please book it")
            assert "Your number is one" in await call.hear()
            booking = {"treatment": "check up", "day": "tuesday", "time": "ten", "number": "one"}
            assert list(book.bookings.values()) == [booking]

            await call.say("thank you very much goodbye")
            assert await call.hear() == agent.phrases.goodbye
            await call.next(dialog.HangUpRequested)
            await call.tell(line.LineEnded(at_ms=now_ms(), reason="agent_hung_up"))
            ended = await call.next(dialog.CallEnded)
            assert (ended.phase, ended.turns) == ("completion", 4)

            state = await call.adds_up()
            assert isinstance(state, Ended)
            last = [each async for each in journal.read(TENANT, call.call, "dialog")][-1]
            assert last.message.decision
            assert last.message.decision.state == state_hash(state)
            assert book.requests == 1


async def test_a_call_of_an_agent_nobody_published_holds_no_other_call_up(bus: Bus) -> None:
    agents = Agents(bus)
    unknown = replace(REF, agent=AgentId("nobody"))
    async with serve(bus, NatsJournal(bus), agents, MODELS, host=HostId("dialog-unknown")):
        agent = read_agent(EXAMPLE)
        ref = await agents.publish(TENANT, agent)
        async with a_line(bus, agent) as lost, a_line(bus, agent) as call:
            for one, which in ((lost, unknown), (call, ref)):
                claim = Claim(
                    tenant=TENANT, call=one.call, role="dialog", agent=which, rang_ms=now_ms()
                )
                await offer(bus, claim)
            await call.hang_up()
            await call.next(dialog.CallEnded)
            assert await lost.decided() == []
