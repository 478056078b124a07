"""The command: the house, the call in it, and what is left of both."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from contracts.ids import AgentId, CallId
from infra.agents import Agents
from infra.beside import beside
from infra.live import follow
from infra.postgres import PostgresUnavailable, connect_pool
from infra.stopping import until_signalled
from services.call.replay import Mismatch, check
from services.cli.caller import Caller, place_call
from services.cli.demo import (
    REPLY_HEARD_S,
    REPLY_S,
    Waits,
    print_figures,
    print_problems,
    spoken,
    write,
)
from services.cli.demo_kill.after import KillReport, kill_report, note_what_the_caller_noticed
from services.cli.demo_kill.house import House, house
from services.cli.demo_kill.killing import Killing
from services.cli.demo_kill.story import Story
from services.cli.demo_kill.telling import kill_rows
from services.cli.demo_report import read_rows, report
from services.cli.demo_script import SCRIPT
from services.cli.livecall import LiveView
from services.cli.recorded import history
from services.cli.settings import Settings
from services.cli.terminal import out
from services.cli.up import Platform, platform
from services.cli.verdict import print_verdict
from services.cli.verifying import verify_calls
from services.cli.waterfall import turn_rows

_WHOLE_S: Final = 60.0  # for what was killed to run again
_AGENT: Final = AgentId("receptionist")  # the example
_QUIET_LOGS: Final = ("infra.children", "partyline")  # say what the screen shows already


async def demo_kill(settings: Settings, once: bool, file: Path | None, started: float) -> int:
    """Run it. Exit code 0 only when every kill was outlived and nothing was lost."""
    code = 1
    settings = replace(settings, nats="", postgres="", qdrant="")  # what is killed is ours
    with until_signalled(), _quietly():
        async with platform(settings, out, example=True, force=True, roles=()) as here:
            out.print("[dim]ten processes start: two of each role …[/dim]")
            async with house(here.places, settings) as processes:
                result = await _one_call(settings, here, processes, started)
                code = 0 if result.ok else 1
                write(result, file)
                if not once:
                    await _stay(processes)
    return code


async def _one_call(
    settings: Settings, here: Platform, processes: House, started: float
) -> KillReport:
    waits = Waits(started)
    booked_before = _bookings(here)
    killing = Killing(processes, here, settings, LiveView(out))
    try:
        out.print("[bold]A call comes in.[/bold] Whatever holds it is killed, one by one.")
        async with place_call(
            processes.gateways, agent=_AGENT, auth_token=settings.twilio_auth_token
        ) as caller:
            async with beside(_follow(settings, here, CallId(caller.call), killing)):
                await _talk(caller, killing, waits)
        with contextlib.suppress(TimeoutError, PostgresUnavailable):  # then the report says so
            await killing.over(_WHOLE_S)
    finally:
        await killing.close()
    booked = _bookings(here) - booked_before
    return await _afterwards(settings, here, killing, caller, waits, booked)


async def _follow(settings: Settings, here: Platform, call: CallId, killing: Killing) -> None:
    bus = here.running.bus
    following = await follow(bus, here.running.journal, settings.tenant, call)
    try:
        async for recorded in following:
            await killing.see(recorded)
    finally:
        await following.close()


async def _talk(caller: Caller, killing: Killing, waits: Waits) -> None:
    """The whole conversation; afterwards the call is over."""
    try:
        await _converse(caller, killing, waits)
    except TimeoutError:
        out.print("[red]The agent fell silent; the call is ended.[/red]")
        await caller.hang_up()
    with contextlib.suppress(TimeoutError):  # then the log says so, below
        await killing.until(lambda story: story.ended, REPLY_HEARD_S)


async def _converse(caller: Caller, killing: Killing, waits: Waits) -> None:
    await caller.hear_first_audio(REPLY_S)
    waits.first_audio_s = waits.since_start_s()
    await killing.until(lambda story: story.answered(0), REPLY_HEARD_S)
    for place, line in enumerate(SCRIPT):
        if line.after_ms is None:  # nobody holds back who speaks over the agent
            await killing.manned(_WHOLE_S)  # somebody has to be left to take over
        if caller.closed.is_set():
            return
        await caller.say(spoken(line))
        waits.ms.append(await caller.hear_first_audio(REPLY_S) * 1000)
        waits.first_answer_s = waits.first_answer_s or waits.since_start_s()
        following = SCRIPT[place + 1] if place + 1 < len(SCRIPT) else None
        if following is not None and following.after_ms is not None:
            await asyncio.sleep(following.after_ms / 1000)
        else:
            await killing.until(partial(_answered, place + 1), REPLY_HEARD_S)


def _answered(turn: int, story: Story) -> bool:
    return story.answered(turn)


async def _afterwards(
    settings: Settings, here: Platform, killing: Killing, caller: Caller, waits: Waits, booked: int
) -> KillReport:
    """Read the call back, from the log and from Postgres, and print what was killed of it."""
    call, bus = CallId(caller.call), here.running.bus
    journal, agents = here.running.journal, Agents(bus)
    pool = await connect_pool(here.places.postgres)
    try:
        found = await verify_calls(bus, journal, agents, pool, settings.tenant, [call])
        rows = await read_rows(pool, settings.tenant, call)
    finally:
        await pool.close()
    recorded = await history(journal, settings.tenant, call)
    agent = await agents.latest(settings.tenant, _AGENT)
    wrong = check(recorded, agent.agent) if agent else [Mismatch(sequence=0, wrong="agent")]
    firsts = (waits.first_audio_s, waits.first_answer_s)
    plain = report(call, rows, recorded, waits.ms, *firsts, wrong, booked)
    note_what_the_caller_noticed(killing.kills, waits.ms, caller.breaks, caller.late_frames)
    result = kill_report(plain, killing.kills, killing.problems(), found)
    out.print()
    out.print(turn_rows(rows.turns), kill_rows(killing.kills, killing.rang_ms))
    print_figures(result, rows)
    print_verdict(found)
    print_problems(result, _verdict(result))
    return result


def _bookings(here: Platform) -> int:
    return len(here.book.bookings) if here.book else 0


def _verdict(result: KillReport) -> str:
    return (
        f"{len(result.kills)} kills, one call: every turn was understood and answered,"
        " the appointment is booked once, and nothing is lost."
    )


async def _stay(processes: House) -> None:
    url = processes.gateways[0]
    out.print(f"\nPartyline stays up at {url}; Ctrl-C ends it.", soft_wrap=True)
    audio = "services/cli/example/voices/prices.wav"
    out.print(f"Place another call: ./just call --url {url} --audio {audio}", soft_wrap=True)
    await asyncio.Event().wait()


@contextmanager
def _quietly() -> Iterator[None]:
    """Deaths are told on the screen as they happen, not once more as an error of a server's."""
    before = {name: logging.getLogger(name).level for name in _QUIET_LOGS}
    for name in before:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
