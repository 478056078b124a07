"""Faults done to the town, one after the other, never to both processes of a crew at once."""

import asyncio
import time
from typing import Final

import msgspec

from infra.cancelling import end_tasks
from loadtest.chaos.faults import Fault, Kind
from loadtest.chaos.town import Town
from services.cli.fleet import NotServing, Serving

_SETTLED_S: Final = 3.0  # a process takes over reliably once it has been up for so long
_PATIENCE_S: Final = 8.0  # a fault that would be unfair waits so long, then it is left out
_LOOK_S: Final = 0.1
_STARTS: Final = 2


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that was inflicted."""

    kind: Kind
    target: str
    pid: int  # whose
    at_s: float  # UNIX time
    healed_s: float
    url: str = ""  # of a gateway


class Inflicting:
    """Inflict a schedule; `done` grows by each fault."""

    def __init__(self, town: Town) -> None:
        self.done: Final[list[Done]] = []
        self.left_out: Final[list[Fault]] = []
        self.trouble: Final[list[str]] = []  # what no fault explains
        self._town = town
        self._whole_s = dict.fromkeys(town.processes, time.monotonic())  # since when undisturbed
        self._hurt: set[str] = set()

    async def run(self, faults: list[Fault]) -> None:
        """Return when all is healed again."""
        began_s, running = time.monotonic(), set[asyncio.Task[None]]()
        try:
            for fault in faults:
                await asyncio.sleep(max(0.0, began_s + fault.at_s - time.monotonic()))
                running.add(asyncio.create_task(self._inflict(fault)))
            await asyncio.gather(*running)
        finally:
            await end_tasks(running)

    async def watch(self) -> None:
        """Start again, without end, what ended by itself, which nothing may."""
        while True:
            await asyncio.sleep(_LOOK_S)
            for name, process in self._town.processes.items():
                if process.collapsed and name not in self._hurt:
                    self.trouble.append(f"{name} ended by itself; its log is {process.log}")
                    self._hurt.add(name)
                    await self._start(process)
                    self._hurt.discard(name)

    async def _inflict(self, fault: Fault) -> None:
        deadline_s = time.monotonic() + _PATIENCE_S
        while not self._fair(fault):
            if time.monotonic() > deadline_s:
                self.left_out.append(fault)
                return
            await asyncio.sleep(_LOOK_S)
        self._hurt.add(fault.target)
        at_s, pid, url = time.time(), self._pid(fault), self._url(fault)
        try:
            await self._do(fault)
        finally:
            self._hurt.discard(fault.target)
            self._whole_s[fault.target] = time.monotonic()
        healed_s = time.time()
        self.done.append(
            Done(
                kind=fault.kind,
                target=fault.target,
                pid=pid,
                at_s=at_s,
                healed_s=healed_s,
                url=url,
            )
        )

    def _fair(self, fault: Fault) -> bool:
        """Nobody outlives the death of both."""
        if fault.target in self._hurt:
            return False
        if fault.target not in self._town.processes:
            return True
        twin = self._town.twin(fault.target).crew.name
        settled = time.monotonic() - self._whole_s[twin] > _SETTLED_S
        return settled and twin not in self._hurt and "nats" not in self._hurt

    def _pid(self, fault: Fault) -> int:
        process = self._town.processes.get(fault.target)
        return process.pid if process else 0

    def _url(self, fault: Fault) -> str:
        process = self._town.processes.get(fault.target)
        return process.url if process else ""

    async def _do(self, fault: Fault) -> None:
        process = self._town.processes.get(fault.target)
        relays = self._town.relays.get(fault.target, [])
        match fault.kind:
            case "nats" | "postgres":
                self._town.kill_server(fault.target)
            case "kill" if process:
                await process.kill()
                await asyncio.sleep(fault.lasts_s)
                await self._start(process)
            case "pause" if process:
                process.pause()
                await asyncio.sleep(fault.lasts_s)
                process.resume()
            case "restart" if process:
                if not await process.terminate():
                    self.trouble.append(f"{fault.target} did not end in time when asked to")
                await self._start(process)
            case "cut":
                for relay in relays:
                    relay.cut()
                await asyncio.sleep(fault.lasts_s)
                for relay in relays:
                    relay.mend()

    async def _start(self, process: Serving) -> None:
        """As a supervisor does: once more when it did not come up."""
        for _ in range(_STARTS):
            try:
                return await process.start()
            except NotServing as failed:
                self.trouble.append(str(failed))
