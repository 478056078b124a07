"""A process that hosts calls in one role: `takeover_host.py dialog|stt NATS_URL HOST QUIET_S`."""

import asyncio
import sys
from collections.abc import AsyncIterator

import uvloop

from contracts.ids import HostId
from infra.agents import Agents
from infra.hosting import Drain
from infra.journal import NatsJournal
from infra.nats import Bus, connect, create_streams
from infra.stopping import until_signalled
from services.dialog.app import serve as serve_dialog
from services.dialog.provider import Capabilities, Delta, Prompt, ToolCall, Usage
from services.stt.app import serve as serve_stt
from services.stt.providers.tones import Tones

_TOOLS = ("look_up", "book")


class Clerk:
    """A model that takes its time: a tool where one is asked for, else always the same text.

    It goes on from what was written before; else a call that changes hands quicker than a reply is
    written would never hear one.
    """

    name = "clerk"
    capabilities = Capabilities(streaming=True, tools=True, prefill=True)

    async def write(self, prompt: Prompt) -> AsyncIterator[Delta | ToolCall | Usage]:
        options = prompt.agent.llm.options
        if prompt.intent in _TOOLS and prompt.history[-1].by == "caller":
            yield ToolCall(name=prompt.intent, arguments={})
            return
        for word in str(options["text"]).removeprefix(prompt.begun).split():
            await asyncio.sleep(float(options["delay_ms"]) / 1000)
            yield Delta(f"{word} ")

    async def close(self) -> None:
        """Holds nothing."""


def _serving(role: str, bus: Bus, host: HostId, drain: Drain):  # type: ignore[no-untyped-def]
    journal, agents = NatsJournal(bus), Agents(bus)
    if role == "stt":
        return serve_stt(bus, journal, agents, {"tones": Tones()}, host=host, drain=drain)
    return serve_dialog(bus, journal, agents, {"clerk": Clerk()}, host=host, drain=drain)


async def main(role: str, url: str, host: str, quiet_s: str) -> None:
    bus = await connect(url, name=host)
    await create_streams(bus)
    with until_signalled():
        async with _serving(role, bus, HostId(host), Drain(quiet_s=float(quiet_s))):
            print("ready", flush=True)
            await asyncio.Event().wait()
    await bus.close()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
