"""Tools run over real HTTP, alone and within a call."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import pytest
from lines import TENANT, Hosts, a_line, an_agent, ended, killed
from msgspec.structs import replace
from told import calling_the_tool
from tool_server import ToolServer, tool_server

from contracts import dialog
from contracts.event import OwnerClaimed
from contracts.ids import CallId, HostId
from contracts.journal import JournalUnavailable, WrongVersion
from infra.nats import Bus
from infra.nats_server import free_port
from infra.ownership import still_owned
from services.dialog.tools import Use, run

CALL = CallId("call-1")
NO_RESULT = "not a JSON object of at most 64 KiB"


def _patience_ms(place: str) -> int:
    """Little only with the one that is meant to take longer."""
    return 500 if place == "never" else 5_000


async def owned() -> None:
    """This host owns the call."""


@pytest.fixture
async def server() -> AsyncIterator[ToolServer]:
    async with tool_server() as server:
        yield server


@pytest.mark.parametrize("place", ["good", "in-pieces"])
async def test_a_tool_gets_the_arguments_and_gives_its_result(
    http: aiohttp.ClientSession, server: ToolServer, place: str
) -> None:
    (tool,) = an_agent(f"{server.url}/{place}").tools
    came = await run(Use(tool, CALL, "run-1", {"day": "monday"}), http, owned)
    assert (came.ok, came.result, came.invocation) == (True, {"number": "seven"}, "run-1")
    assert came.took_ms > 0
    assert server.keys == ["call-1:run-1"]
    assert server.bodies == [
        {
            "call": "call-1",
            "invocation": "run-1",
            "tool": "look_up",
            "arguments": {"day": "monday"},
        }
    ]


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("broken", "status 500"),
        ("elsewhere", "status 307"),
        ("nowhere", "status 404"),
        ("never", "timeout"),
        ("huge", NO_RESULT),
        ("a-list", NO_RESULT),
        ("no-text", NO_RESULT),
        ("silence", NO_RESULT),
        ("cut-off", "ServerDisconnectedError"),
    ],
)
async def test_a_tool_that_misbehaves_is_reported_as_failed(
    http: aiohttp.ClientSession, server: ToolServer, place: str, error: str
) -> None:
    (tool,) = an_agent(f"{server.url}/{place}", tool_ms=_patience_ms(place)).tools
    came = await run(Use(tool, CALL, "run-1", {}), http, owned)
    assert (came.ok, came.result) == (False, {"error": error})


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/x", "{diary}/x", "ftp://127.0.0.1/x"])
async def test_a_tool_that_cannot_be_reached_is_reported_as_failed(
    http: aiohttp.ClientSession, url: str
) -> None:
    (tool,) = an_agent(url.replace("{port}", str(free_port()))).tools
    came = await run(Use(tool, CALL, "run-1", {}), http, owned)
    assert not came.ok
    assert "127.0.0.1" not in str(came.result)


async def test_a_tool_without_an_address_is_an_entry_in_the_log(
    http: aiohttp.ClientSession,
) -> None:
    (tool,) = an_agent().tools
    came = await run(Use(tool, CALL, "run-1", {}), http, owned)
    assert (came.ok, came.result) == (True, {"recorded": True})


@pytest.mark.parametrize(
    ("place", "phrase"),
    [
        ("broken", "failed"),
        ("huge", "failed"),
        ("elsewhere", "failed"),
        ("never", "unsure"),
        ("cut-off", "unsure"),
    ],
)
async def test_a_caller_whose_tool_fails_hears_so_and_the_call_goes_on(
    bus: Bus, hosts: Hosts, server: ToolServer, place: str, phrase: str
) -> None:
    async with a_line(bus, an_agent(f"{server.url}/{place}", tool_ms=_patience_ms(place))) as call:
        hosting = hosts.start(call, model=calling_the_tool())
        await call.greet()
        await call.say("look it up")
        assert await call.hear() == getattr(call.agent.phrases, phrase)
        await call.hang_up()
        await ended(hosting)
        await call.adds_up()
        assert len(server.keys) == 1


async def test_a_tool_that_may_not_be_repeated_is_not_run_again_after_its_hosts_death(
    bus: Bus, hosts: Hosts, server: ToolServer
) -> None:
    async with a_line(bus, an_agent(f"{server.url}/never")) as call:
        first = hosts.start(call, "dialog-1", calling_the_tool())
        await call.greet()
        await call.say("look it up")
        await call.next(dialog.ToolCalled)
        await asyncio.wait_for(server.asked.wait(), 5)
        await killed(first)
        second = hosts.start(call, "dialog-2", calling_the_tool())
        returned = await call.next(dialog.ToolReturned)
        assert (returned.ok, returned.unsure) == (False, True)
        assert await call.hear() == call.agent.phrases.unsure
        await call.hang_up()
        await ended(second)
        assert len(server.keys) == 1
        await call.adds_up()


async def test_a_tool_that_may_be_repeated_is_run_again_with_the_same_key(
    bus: Bus, hosts: Hosts, server: ToolServer
) -> None:
    async with a_line(bus, an_agent(f"{server.url}/never", tool_ms=2_000, idempotent=True)) as call:
        first = hosts.start(call, "dialog-1", calling_the_tool())
        await call.greet()
        await call.say("look it up")
        await asyncio.wait_for(server.asked.wait(), 5)
        await killed(first)
        server.asked.clear()
        second = hosts.start(call, "dialog-2", calling_the_tool())
        await asyncio.wait_for(server.asked.wait(), 5)
        assert server.keys == [f"{call.call}:run-1"] * 2
        await call.hang_up()
        await ended(second)


@pytest.mark.parametrize(
    ("check", "result", "paths"),
    [
        ("ran", {"number": "eight"}, ["/never", "/ran"]),
        ("did-not-run", {"number": "seven"}, ["/never", "/did-not-run", "/good"]),
    ],
)
async def test_a_tool_that_can_be_asked_is_asked_after_its_hosts_death(
    bus: Bus, hosts: Hosts, server: ToolServer, check: str, result: dict[str, str], paths: list[str]
) -> None:
    agent = an_agent(f"{server.url}/never")
    async with a_line(bus, agent) as call:
        first = hosts.start(call, "dialog-1", calling_the_tool())
        await call.greet()
        await call.say("look it up")
        await asyncio.wait_for(server.asked.wait(), 5)
        await killed(first)
        (tool,) = agent.tools
        tool = replace(tool, url=f"{server.url}/good", check=f"{server.url}/{check}")
        call.agent = replace(agent, tools=(tool,))
        second = hosts.start(call, "dialog-2", calling_the_tool())
        returned = await call.next(dialog.ToolReturned)
        assert (returned.ok, returned.result) == (True, result)
        assert server.paths == paths
        assert set(server.keys) == {f"{call.call}:run-1"}
        await call.hang_up()
        await ended(second)


@pytest.mark.parametrize("check", ["broken", "never", "a-list", "good"])
async def test_a_check_that_gives_no_answer_leaves_it_unsure_and_nothing_is_run(
    http: aiohttp.ClientSession, server: ToolServer, check: str
) -> None:
    (tool,) = an_agent(f"{server.url}/good", tool_ms=_patience_ms(check)).tools
    use = Use(replace(tool, check=f"{server.url}/{check}"), CALL, "run-1", {})
    came = await run(use, http, owned, again=True)
    assert (came.ok, came.unsure) == (False, True)
    assert server.paths == [f"/{check}"]


async def test_nothing_is_sent_for_a_call_that_has_another_owner(
    http: aiohttp.ClientSession, server: ToolServer
) -> None:
    async def superseded() -> None:
        raise WrongVersion("dialog")

    (tool,) = an_agent(f"{server.url}/good").tools
    use = Use(tool, CALL, "run-1", {})
    with pytest.raises(WrongVersion):
        await run(use, http, superseded)
    assert (await run(use, http, owned)).ok  # on a connection that is used again, too
    with pytest.raises(WrongVersion):
        await run(use, http, superseded)
    assert len(server.keys) == 1


async def test_a_tool_waits_for_a_log_that_is_away(
    http: aiohttp.ClientSession, server: ToolServer
) -> None:
    asked = 0

    async def away_at_first() -> None:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise JournalUnavailable("away")

    (tool,) = an_agent(f"{server.url}/good").tools
    assert (await run(Use(tool, CALL, "run-1", {}), http, away_at_first)).ok
    assert len(server.keys) == 1


async def test_a_host_that_was_replaced_while_it_connected_runs_no_tool(
    bus: Bus, hosts: Hosts, server: ToolServer
) -> None:
    """The moment is held open: the connection stands, and the request has not gone out."""
    async with a_line(bus, an_agent(f"{server.url}/good")) as call:
        first = hosts.start(call, "dialog-1")
        await call.greet()
        asking = partial(still_owned, bus, TENANT, call.call, "dialog")
        await asking(HostId("dialog-1"))
        second = hosts.start(call, "dialog-2")
        await call.next(OwnerClaimed)
        with pytest.raises(WrongVersion):
            await asking(HostId("dialog-1"))
        await asking(HostId("dialog-2"))
        await killed(first)
        await call.hang_up()
        await ended(second)
