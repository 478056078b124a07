"""partyline up and serve: the platform in one process, or some of its roles."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from msgspec.structs import replace
from rich.console import Console

from contracts.agent import Agent, agent_id
from infra.agents import Agents
from infra.embedded import embedded
from infra.open_files import allow_many_files
from infra.stopping import until_signalled
from services.cli.agent_file import read_agent
from services.cli.chosen import named, with_keys
from services.cli.example.diary import Diary, diary
from services.cli.health import health
from services.cli.patience import patiently
from services.cli.places import Places, find, of_stack
from services.cli.publish import publish
from services.cli.roles import ROLES, Role, Running, import_ahead, serve_roles
from services.cli.settings import Settings
from services.cli.still import stand_still
from services.cli.terminal import out

GATEWAY_URL: Final = "gateway.url"  # in the data folder: where its gateway listens
EXAMPLE: Final = Path(__file__).parent / "example" / "agent.toml"


class Platform:
    """Everything that runs in this process."""

    def __init__(self, running: Running, places: Places, book: Diary | None) -> None:
        self.running, self.places, self.book = running, places, book


@asynccontextmanager
async def platform(
    settings: Settings,
    console: Console,
    *,
    example: bool,
    force: bool = False,
    roles: Sequence[Role] = ROLES,
) -> AsyncIterator[Platform]:
    """The embedded servers and the roles, of which rag may come later: see Running.complete.

    Args:   example: with the example agent and its diary.
            force: the example takes its name even from an agent of somebody's own.
    """
    async with AsyncExitStack() as stack:
        console.print(f"[dim]NATS and Postgres start in {settings.data} …[/dim]")
        first = [role for role in roles if role != "rag"]
        importing = asyncio.create_task(asyncio.to_thread(import_ahead, first))
        addresses = await stack.enter_async_context(
            embedded(settings.data, nats_port=settings.nats_port, nats_nodes=settings.nats_nodes)
        )
        places = of_stack(addresses, settings)
        await importing
        if roles:
            console.print("[dim]the roles start …[/dim]")
        alone = replace(settings, drain="end")  # nobody could take the calls
        running = await stack.enter_async_context(serve_roles(roles, places, alone, rag_last=True))
        (settings.data / GATEWAY_URL).unlink(missing_ok=True)  # left by a process that was killed
        stack.enter_context(_noted(settings, running.url))
        book = await _example(stack, running, settings, force=force) if example else None
        yield Platform(running, places, book)


@contextmanager
def _noted(settings: Settings, url: str) -> Iterator[None]:
    """Keep the gateway's address where commands on the same data folder find it."""
    if not url or not settings.data.is_dir() or (settings.data / GATEWAY_URL).exists():
        yield
        return
    noted = settings.data / GATEWAY_URL
    noted.write_text(url)
    try:
        yield
    finally:
        if noted.exists() and noted.read_text() == url:
            noted.unlink()


async def _example(
    stack: AsyncExitStack, running: Running, settings: Settings, *, force: bool
) -> Diary:
    """Publish the example agent against a diary of its own, at the address of last time if free."""
    noted = settings.data / "diary.port"
    port = int(noted.read_text()) if noted.exists() else 0
    book, url = await stack.enter_async_context(diary(port=port))
    noted.write_text(url.rpartition(":")[2])
    chosen = partial(with_keys, keys=settings.provider_keys())
    if force or await _is_ours_to_publish(running, settings, url):
        await publish(running.bus, settings.tenant, EXAMPLE, {"diary": url}, changed=chosen)
        out.print(f"[dim]{named(chosen(read_agent(EXAMPLE)))}[/dim]")
    else:
        out.print("[dim]an agent of yours has the example's name, so the example stays out[/dim]")
    return book


async def _is_ours_to_publish(running: Running, settings: Settings, url: str) -> bool:
    """Whether there is no agent of the example's name yet, or it is the example itself."""
    example = read_agent(EXAMPLE, {"diary": url})
    newest = await Agents(running.bus).latest(settings.tenant, agent_id(example))
    return newest is None or (newest.agent.title == example.title and _same(newest.agent, example))


def _same(one: Agent, another: Agent) -> bool:
    """But for the diary's address and the providers, which may change."""
    return _plain(one) == _plain(another)


def _plain(agent: Agent) -> Agent:
    tools = tuple(replace(tool, url="") for tool in agent.tools)
    bare = Agent(name=agent.name)
    return replace(agent, tools=tools, stt=bare.stt, llm=bare.llm, voice=bare.voice)


async def up(settings: Settings, example: bool, roles: bool) -> None:
    """Run the platform, or with `roles` False the servers alone, until Ctrl-C or SIGTERM."""
    allow_many_files()
    with until_signalled():
        async with platform(settings, out, example=example, roles=ROLES if roles else ()) as here:
            await here.running.complete.wait()
            stand_still()
            out.print(await _ready_line(here, settings), soft_wrap=True)
            await asyncio.Event().wait()
    out.print("Partyline has stopped; nothing was lost.")


async def _ready_line(here: Platform, settings: Settings) -> str:
    if not here.running.url:
        return (
            f"The servers are ready on {settings.data}: partyline serve ROLE --data {settings.data}"
        )
    names = await Agents(here.running.bus).names(settings.tenant)
    agents = ", ".join(names) or "none yet: partyline agent publish FILE"
    return f"Partyline is ready at {here.running.url} (agents: {agents})"


async def serve(settings: Settings, roles: Sequence[Role]) -> None:
    """Run some roles against servers that run elsewhere, until Ctrl-C or SIGTERM."""
    allow_many_files()
    needed = ["nats", *(["postgres"] if "projections" in roles else [])]
    if "rag" in roles:
        needed.append("qdrant")
    places = find(settings, *needed)
    with until_signalled():
        async with AsyncExitStack() as stack:
            running = await patiently(stack, lambda: serve_roles(roles, places, settings))
            await stack.enter_async_context(
                health(settings.health_port, lambda: running.bus.connected)
            )
            with _noted(settings, running.url):
                stand_still()
                at = f" at {running.url}" if running.url else ""
                out.print(f"Partyline serves {', '.join(roles)}{at}", soft_wrap=True)
                await asyncio.Event().wait()
