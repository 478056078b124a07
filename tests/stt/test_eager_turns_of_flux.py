"""From the vendor's likely end to the answer that is ready at the sure one, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stt_telephone import Telephone, now_ms
from vendors.deepgram_flux import FluxLine, FluxServer, flux_server
from vendors.groq import Answer, GroqServer, groq_server

from contracts import dialog, line
from contracts.agent import Agent, Phrases, Provider, Turns
from contracts.claim import Claim
from contracts.ids import new_host_id
from contracts.recorded import DialogEvent
from infra.agents import Agents
from infra.claims import offer
from infra.journal import NatsJournal
from infra.live import follow
from infra.nats import Bus
from services.call.actor import dialog_events
from services.dialog.app import serve as serve_dialog
from services.dialog.providers.groq import Groq
from services.stt.app import serve as serve_stt
from services.stt.providers.deepgram_flux import DeepgramFlux

AGENT = Agent(
    name="clinic",
    phrases=Phrases(greeting="Hello."),
    turns=Turns(stop_ms=20, silence_ms=10_000),  # silence alone would take too long
    stt=Provider(provider="deepgram-flux", options={"eager_eot_threshold": 0.4}),
    llm=Provider(provider="groq"),
)
FRAMES = [b"\x7e" * 160] * 20


@asynccontextmanager
async def at_work(bus: Bus, flux: FluxServer, groq: GroqServer) -> AsyncIterator[None]:
    """Both roles, with the vendors' own SDKs."""
    ears, model = DeepgramFlux(flux.key, flux.url), Groq(groq.key, groq.url)
    journal, agents = NatsJournal(bus), Agents(bus)
    async with (
        serve_stt(bus, journal, agents, {ears.name: ears}, host=new_host_id("stt")),
        serve_dialog(bus, journal, agents, {"groq": model}, host=new_host_id("dialog")),
    ):
        yield
    await ears.close()
    await model.close()


async def greeted(call: Telephone) -> None:
    """The call has a dialog, and the greeting was heard."""
    claim = call.claim
    place = {"tenant": claim.tenant, "call": claim.call, "agent": claim.agent}
    await offer(call.bus, Claim(**place, role="dialog", rang_ms=now_ms()))
    rang = line.LineRang(at_ms=now_ms(), carrier="loopback", carrier_call="CA1", agent=claim.agent)
    await call.tell(rang)
    await call.tell(line.LineAnswered(at_ms=now_ms(), stream="MZ1"))
    await decided(call, dialog.ReplyFinished)
    await call.tell(line.PlaybackFinished(at_ms=now_ms(), reply=1))
    await decided(call, dialog.ReplyHeard)


async def decided(call: Telephone, last: type[DialogEvent], times: int = 1) -> list[DialogEvent]:
    """The call's decisions up to so many of a kind."""
    claim = call.claim
    following = await follow(call.bus, call.journal, claim.tenant, claim.call, families=("dialog",))
    found: list[DialogEvent] = []
    async with asyncio.timeout(15):
        async for recorded in following:
            found += dialog_events(recorded.message)
            if sum(isinstance(event, last) for event in found) >= times:
                break
    await following.close()
    return found


async def test_the_model_writes_before_the_turn_is_over_and_what_was_in_vain_is_counted(
    bus: Bus, tenant: str
) -> None:
    resumed, written = asyncio.Event(), asyncio.Event()

    async def model(answer: Answer) -> None:
        if answer.body["messages"][-1]["content"] == "I want to cancel":
            await answer.text("Your appoint")
            resumed.set()
            await asyncio.Event().wait()
        await answer.text("Your subscription is cancelled.")
        await answer.finish(tokens_in=41, out=5)
        written.set()

    async with flux_server() as flux, groq_server() as groq:

        async def caller(spoken: FluxLine) -> None:
            await spoken.heard(len(FRAMES) * 160)
            await spoken.start("I want")
            await spoken.eager("I want to cancel")
            await asyncio.wait_for(resumed.wait(), 10)
            await spoken.resume("I want to cancel my")
            await groq.answers[0].gone()
            await spoken.eager("I want to cancel my subscription.")
            await asyncio.wait_for(written.wait(), 10)
            await spoken.end("I want to cancel my subscription.")

        flux.script, groq.script = caller, model
        call = await Telephone.ring(bus, AGENT, tenant)
        async with at_work(bus, flux, groq):
            await greeted(call)
            await call.say(FRAMES)
            events = await decided(call, dialog.ReplyFinished, times=2)
            await call.hang_up()
            await decided(call, dialog.CallEnded)
        assert groq.requests == 2
    (waste,) = [event for event in events if isinstance(event, dialog.DraftDiscarded)]
    assert (waste.reason, waste.tokens_out, waste.utterance) == ("resumed", 1, 1)
    (taken,) = [event for event in events if isinstance(event, dialog.TurnTaken)]
    assert taken.text == "I want to cancel my subscription."
    said = [event.text for event in events if isinstance(event, dialog.SentenceWritten)]
    assert said == ["Hello.", "Your subscription is cancelled."]
    assert isinstance(events[-1], dialog.ReplyFinished)
    assert (events[-1].tokens_in, events[-1].tokens_out) == (41, 5)
