"""All roles in one process with the vendors' SDKs, and vendors on loopback that fail when told to.

Deepgram, Groq at two addresses and ElevenLabs; behind them a scripted recogniser and a tone.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from vendors.deepgram import DeepgramServer, deepgram_server
from vendors.elevenlabs import VOICE, ElevenLabsServer, elevenlabs_server
from vendors.groq import GroqServer, groq_server

from contracts.agent import Agent, Fallback, Phrases, Provider, Turns
from contracts.dialog import FallbackVoice, Voice
from contracts.ids import AgentId, CallId, TenantId, new_host_id
from contracts.recorded import CallEvent, Recorded
from infra.agents import Agents
from infra.data_folder import make_folders
from infra.journal import NatsJournal
from infra.nats import Bus, connect, create_streams
from infra.nats_server import NatsServer
from services.dialog import app as dialog
from services.dialog.providers.groq import Groq
from services.gateway import app as gateway
from services.gateway.settings import GatewaySettings
from services.stt import app as stt
from services.stt.provider import SpeechToText
from services.stt.providers.deepgram import Deepgram
from services.stt.providers.scripted import Scripted
from services.tts import app as tts
from services.tts.provider import TextToSpeech
from services.tts.providers.elevenlabs_http import ElevenLabsHttp
from services.tts.providers.tone import Tone

TENANT = TenantId("town")


def agent(*lines: str, wait_ms: int = 400, **more: Any) -> Agent:
    """Each port asks a vendor first; behind it the scripted recogniser hears `lines`."""
    waits: dict[str, Any] = {"first_ms": wait_ms, "stall_ms": wait_ms}
    heard = Fallback(provider="scripted", options={"lines": list(lines)})
    return Agent(
        name="fails-over",
        phrases=Phrases(greeting="Hello."),
        turns=Turns(silence_ms=100),
        stt=Provider(provider="deepgram", fallbacks=(heard,), **waits),
        llm=Provider(provider="groq", fallbacks=(Fallback(provider="second"),), **waits, **more),
        voice=Voice(
            provider="elevenlabs", name=VOICE, fallbacks=(FallbackVoice(provider="tone"),), **waits
        ),
    )


class House(NamedTuple):
    """What runs, and who can be told to fail."""

    bus: Bus
    journal: NatsJournal
    url: str  # the gateway's
    ears: DeepgramServer
    groq: GroqServer
    second: GroqServer
    voices: ElevenLabsServer

    async def history(self, call: str) -> list[Recorded]:
        return [each async for each in self.journal.read(TENANT, CallId(call))]

    async def events(self, call: str) -> list[CallEvent]:
        return [event for each in await self.history(call) for event in each.message.events]


@asynccontextmanager
async def house(data: Path, agent: Agent) -> AsyncIterator[House]:
    """The house, answering as `agent`, on a server of its own in the folder `data`."""
    async with AsyncExitStack() as stack:
        server = NatsServer(make_folders(data), "secret")
        await server.start()
        stack.push_async_callback(server.stop)
        bus = await connect(server.url, name="house")
        stack.push_async_callback(bus.close)
        await create_streams(bus)
        journal, agents = NatsJournal(bus), Agents(bus)
        await agents.publish(TENANT, agent)
        enter = stack.enter_async_context
        ears, voices = await enter(deepgram_server()), await enter(elevenlabs_server())
        first, second = await enter(groq_server()), await enter(groq_server())
        models = {"groq": Groq(first.key, first.url), "second": Groq(second.key, second.url)}
        deepgram = Deepgram(ears.key, ears.url, final_ms=200)
        heard: dict[str, SpeechToText] = {"deepgram": deepgram, "scripted": Scripted()}
        eleven = ElevenLabsHttp(voices.key, voices.url)
        spoken: dict[str, TextToSpeech] = {"elevenlabs": eleven, "tone": Tone()}
        for made in (*models.values(), eleven):
            stack.push_async_callback(made.close)
        await enter(tts.serve(bus, server.url, spoken, journal, host=new_host_id("tts")))
        await enter(dialog.serve(bus, journal, agents, models, host=new_host_id("dialog")))
        await enter(stt.serve(bus, journal, agents, heard, host=new_host_id("stt")))
        told = GatewaySettings(tenant=TENANT, agent=AgentId(agent.name), busy_ms=0)
        serving = await enter(gateway.serve(bus, told, journal, agents))
        url = f"http://{serving.host}:{serving.port}"
        yield House(bus, journal, url, ears, first, second, voices)
