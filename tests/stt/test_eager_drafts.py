"""Drafts that say the turn is probably over, by the recogniser's word or by a shorter silence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.msg import Msg
from stt_doubles import Recording, RecordingEar
from stt_telephone import Telephone, until

from contracts.agent import Agent, Provider, Turns
from contracts.codec import Codec
from contracts.ids import new_host_id
from contracts.streams import DRAFT, live_subject
from contracts.transcript import TranscriptDrafted, TranscriptFinalized
from infra.agents import Agents
from infra.journal import NatsJournal
from infra.nats import Bus
from services.stt.app import serve
from services.stt.provider import Heard

PATIENT = Turns(stop_ms=20, silence_ms=60_000, eager_ms=60)
QUICK = Turns(stop_ms=20, silence_ms=160, eager_ms=60)


class Watched:
    """A call with its ear, and the drafts of it."""

    def __init__(self, call: Telephone, ear: RecordingEar) -> None:
        self.call, self.ear = call, ear
        self._drafts: asyncio.Queue[TranscriptDrafted] = asyncio.Queue()

    async def on_draft(self, message: Msg) -> None:
        for event in Codec().decode(self.call.claim.call, message.data).events:
            assert isinstance(event, TranscriptDrafted)
            self._drafts.put_nowait(event)

    async def draft(self) -> tuple[str, bool]:
        """The next one's words, and whether it is eager."""
        drafted = await asyncio.wait_for(self._drafts.get(), 10)
        return drafted.text, drafted.eager


@asynccontextmanager
async def watched(
    bus: Bus, tenant: str, turns: Turns, *, eager: bool = False
) -> AsyncIterator[Watched]:
    """The caller has begun to speak, and the ear hears."""
    ears = Recording(eager=eager)
    agent = Agent(name="a", turns=turns, stt=Provider(provider=ears.name))
    call = await Telephone.ring(bus, agent, tenant)
    host = new_host_id("stt")
    async with serve(bus, NatsJournal(bus), Agents(bus), {ears.name: ears}, host=host):
        await call.start_speech()
        await until(lambda: bool(ears.ears))
        opened = Watched(call, ears.ears[0])
        subject = live_subject(call.claim.tenant, call.claim.call, DRAFT)
        await bus.nc.subscribe(subject, cb=opened.on_draft)
        await bus.nc.flush()
        yield opened


async def test_after_the_shorter_silence_the_draft_is_told_again_and_speech_takes_it_back(
    bus: Bus, tenant: str
) -> None:
    async with watched(bus, tenant, PATIENT) as caller:
        caller.ear.say(Heard(text="when do you"))
        assert await caller.draft() == ("when do you", False)
        await caller.call.end_speech()
        assert await caller.draft() == ("when do you", True)
        caller.ear.say(Heard(text="when do you open"))  # it was a little behind
        assert await caller.draft() == ("when do you open", True)
        await caller.call.start_speech()
        assert await caller.draft() == ("when do you open", False)
        assert not [e for e in await caller.call.transcript() if isinstance(e, TranscriptDrafted)]


async def test_a_turn_that_ends_after_its_eager_draft_is_stored_as_ever(
    bus: Bus, tenant: str
) -> None:
    async with watched(bus, tenant, QUICK) as caller:
        caller.ear.say(Heard(text="hello"))
        assert await caller.draft() == ("hello", False)
        ended_ms = await caller.call.end_speech()
        assert await caller.draft() == ("hello", True)
        await asyncio.wait_for(caller.ear.finished.acquire(), 10)
        caller.ear.say(Heard(text="hello", final=True))
        (stored,) = await caller.call.wait_for(TranscriptFinalized)
        assert isinstance(stored, TranscriptFinalized)
        assert (stored.text, stored.speech_ended_ms) == ("hello", ended_ms)


async def test_a_recogniser_that_knows_itself_is_believed_and_no_silence_is_counted(
    bus: Bus, tenant: str
) -> None:
    async with watched(bus, tenant, QUICK, eager=True) as caller:
        caller.ear.say(Heard(text="hello", eager=True))
        assert await caller.draft() == ("hello", True)
        caller.ear.say(Heard(text="hello you"))
        assert await caller.draft() == ("hello you", False)
        await caller.call.end_speech()
        await asyncio.wait_for(caller.ear.finished.acquire(), 10)  # the whole silence is over
        caller.ear.say(Heard(text="hello you there"))
        assert await caller.draft() == ("hello you there", False)


async def test_likely_ends_are_not_told_where_silence_ends_turns_and_the_agent_is_not_eager(
    bus: Bus, tenant: str
) -> None:
    plain = Turns(stop_ms=20, silence_ms=160)
    async with watched(bus, tenant, plain, eager=True) as caller:
        caller.ear.say(Heard(text="hello", eager=True))
        assert await caller.draft() == ("hello", False)


async def test_silence_before_any_word_is_understood_prepares_nothing(
    bus: Bus, tenant: str
) -> None:
    async with watched(bus, tenant, QUICK) as caller:
        await caller.call.end_speech()
        await asyncio.wait_for(caller.ear.finished.acquire(), 10)
        caller.ear.say(Heard(text=" "))
        assert await caller.draft() == (" ", False)
