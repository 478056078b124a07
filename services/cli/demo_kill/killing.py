"""The kills of a followed call: each in its moment, and who goes on after it."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Final

from contracts.recorded import CallEvent, Recorded
from contracts.synthesis import SentenceSynthesized
from infra.cancelling import end_tasks
from services.cli.demo_kill.house import House
from services.cli.demo_kill.plan import PLAN, Step, pid_of, takes_over
from services.cli.demo_kill.servers import (
    kill_server,
    log_leader,
    server_pid,
    tables_hold,
)
from services.cli.demo_kill.story import Story
from services.cli.demo_kill.telling import Kill, killed, went_on
from services.cli.livecall import LiveView
from services.cli.settings import Settings
from services.cli.up import Platform


class Killing:
    """Give it each message of the call; `kills` grows. Close it when the call is over."""

    def __init__(self, house: House, here: Platform, settings: Settings, view: LiveView) -> None:
        self.kills: Final[list[Kill]] = []
        self.story: Final = Story()
        self._house, self._here, self._settings = house, here, settings
        self._view = view
        self._left = list(PLAN)
        self._missing: set[asyncio.Task[None]] = set()  # servers that are waited for
        self._news = asyncio.Event()

    async def see(self, recorded: Recorded) -> None:
        """Show the message, notice who went on, and kill what is to be killed now."""
        self._view.show(recorded)
        self.story.see(recorded)
        for _, event in recorded.events():
            self._notice(recorded, event)
            if self._left and self._left[0].due(event, self.story):
                await self._kill(self._left.pop(0))
        self._news.set()

    async def until(self, holds: Callable[[Story], bool], within_s: float) -> None:
        """Wait until the call has come so far, or has ended. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not (holds(self.story) or self.story.ended):
                self._news.clear()
                await self._news.wait()

    async def manned(self, within_s: float) -> None:
        """Wait until every role has two processes again. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            await self._house.whole()

    async def over(self, within_s: float) -> None:
        """Wait until all that was killed runs again. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            await asyncio.gather(self._house.whole(), *self._missing)

    async def close(self) -> None:
        """Wait for nothing more."""
        await end_tasks(self._missing)

    @property
    def rang_ms(self) -> float:
        """When the call began: UNIX time in milliseconds."""
        return self._view.rang_ms

    def problems(self) -> list[str]:
        """Kills whose moment never came, those that were not outlived, what did not start again."""
        return [
            *(f"{step.victim} was not killed in turn {step.turn}" for step in self._left),
            *(f"nobody followed {k.process} ({k.pid})" for k in self.kills if k.after_ms is None),
            *self._house.trouble,
        ]

    async def _kill(self, step: Step) -> None:
        match step.victim:
            case "nats":
                leader = await log_leader(self._here.running.bus)
                kill = self._kill_server(step, self._file(leader))
                self._await(self._log_again(kill))
            case "postgres":
                kill = self._kill_server(step, "postgres")
                self._await(self._tables_again(kill, self.story.newest))
            case _:
                await self._kill_role(step)

    async def _kill_role(self, step: Step) -> None:
        pid = pid_of(self.story.holder[step.victim])
        kill = self._begun(step, self._house.name(pid), pid)
        self._view.say(kill.at_ms, "kill", f"[red]{killed(kill)}[/red]")
        await self._house.kill(pid)

    def _kill_server(self, step: Step, name: str) -> Kill:
        kill = self._begun(step, name, kill_server(self._settings.data, name))
        self._view.say(kill.at_ms, "kill", f"[red]{killed(kill)}[/red]")
        return kill

    def _begun(self, step: Step, process: str, pid: int) -> Kill:
        kill = Kill(
            victim=step.victim,
            process=process,
            pid=pid,
            doing=step.doing,
            turn=step.turn,
            at_ms=time.time() * 1000,
        )
        self.kills.append(kill)
        return kill

    def _notice(self, recorded: Recorded, event: CallEvent) -> None:
        """Whether somebody was seen at the work of one who was killed."""
        for kill in self.kills:
            if kill.after_ms is not None:
                continue
            found = takes_over(kill.victim, recorded, event)
            if found is None or pid_of(found[0]) == kill.pid:
                continue
            if isinstance(event, SentenceSynthesized):
                kill.since_ms = self.story.written_ms.get((event.reply, event.sentence), 0.0)
                kill.turn = self.story.turn_of.get(event.reply, kill.turn)
            pid, kill.epoch = pid_of(found[0]), found[1]
            self._taken_over(kill, self._house.name(pid), pid, recorded.stored_ms)

    async def _log_again(self, kill: Kill) -> None:
        name = self._file(await log_leader(self._here.running.bus))
        pid = server_pid(self._settings.data, name)
        self._taken_over(kill, name, pid, time.time() * 1000)

    async def _tables_again(self, kill: Kill, sequence: int) -> None:
        await tables_hold(self._here.places.postgres, sequence)
        pid = server_pid(self._settings.data, "postgres")
        self._taken_over(kill, kill.process, pid, time.time() * 1000)

    def _taken_over(self, kill: Kill, successor: str, pid: int, now_ms: float) -> None:
        kill.successor, kill.successor_pid = successor, pid
        kill.after_ms = round(now_ms - max(kill.at_ms, kill.since_ms), 1)
        self._view.say(now_ms, "alive", f"[green]{went_on(kill)}[/green]")

    def _await(self, work: Coroutine[None, None, None]) -> None:
        self._missing.add(asyncio.create_task(work))

    def _file(self, leader: str) -> str:
        """What a nats-server's pid file is called: `partyline-2` -> `nats-2`; alone -> `nats`."""
        alone = self._settings.nats_nodes == 1
        return "nats" if alone else f"nats-{leader.rpartition('-')[2]}"
