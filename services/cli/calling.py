"""partyline call: place a call from recorded audio, and watch it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from contracts.dialog import CallEnded
from contracts.ids import CallId
from infra.journal import NatsJournal
from infra.live import follow
from infra.nats import Bus, connect
from services.audio.frames import split
from services.audio.wav import read_wav
from services.cli.caller import Caller, place_call
from services.cli.livecall import LiveView
from services.cli.places import NothingRuns, find
from services.cli.sealing import journal_of
from services.cli.settings import Settings
from services.cli.terminal import out
from services.cli.up import GATEWAY_URL

_REPLY_S = 15.0
_LONGEST_S = 60.0


async def call(settings: Settings, audio: Sequence[Path], url: str, agent: str) -> None:
    """Say each recording when the agent has finished, then hang up unless the agent did.

    Raises: AudioError, CallRefused, NothingRuns, aiohttp.ClientError.
    """
    recordings = [list(split(read_wav(path))) for path in audio]
    gateway = url or gateway_url(settings)
    async with place_call(gateway, agent=agent, auth_token=settings.twilio_auth_token) as caller:
        watching = asyncio.create_task(watch(settings, caller.call))
        await hold_conversation(caller, recordings)
        await caller.hang_up()
        await asyncio.wait({watching}, timeout=5)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    out.print(f"The call was {caller.call}. Look at it: partyline calls show {caller.call}")


async def hold_conversation(caller: Caller, recordings: Sequence[Sequence[bytes]]) -> None:
    """Speak in turn with the agent."""
    await caller.hear_first_audio(_REPLY_S)
    await caller.hear_out(_LONGEST_S)
    for frames in recordings:
        if caller.closed.is_set():
            return
        await caller.say(frames)
        if not caller.closed.is_set():
            await caller.hear_first_audio(_REPLY_S)
            await caller.hear_out(_LONGEST_S)


def gateway_url(settings: Settings) -> str:
    """Where the gateway of this folder listens. Raises NothingRuns."""
    noted = settings.data / GATEWAY_URL
    if noted.exists():
        return noted.read_text().strip()
    raise NothingRuns(
        f"No gateway runs on {settings.data}. Start one with 'partyline up', or give --url."
    )


async def watch(settings: Settings, call: str) -> None:
    """Print the call until it ends, when its log can be reached from here."""
    try:
        places = find(settings, "nats")
        bus = await connect(places.nats, name="partyline call")
    except NothingRuns:
        out.print("[dim]The log is not within reach; the call goes on unwatched.[/dim]")
        return
    try:
        await show_live(journal_of(bus, places), bus, settings, CallId(call), LiveView(out))
    finally:
        await bus.close()


async def show_live(
    journal: NatsJournal, bus: Bus, settings: Settings, call: CallId, view: LiveView
) -> None:
    """Print the call's events as they come, until its line has ended."""
    following = await follow(bus, journal, settings.tenant, call)
    try:
        async for recorded in following:
            view.show(recorded)
            if any(isinstance(event, CallEnded) for _, event in recorded.events()):
                return
    finally:
        await following.close()
