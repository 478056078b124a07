"""A process full of callers: python -m loadtest.load.crowd. It takes a Task and gives an Outcome.

The clock is a wheel of ten slots, two milliseconds each: the callers of a slot send their frames
together, those of different slots do not, and one timer serves them all. How late each turn of
the wheel was is recorded: callers that are late measure themselves.
"""

import asyncio
import contextlib
import os
import random
import sys
import time
from base64 import b64encode
from typing import Final

import aiohttp
import msgspec
import uvloop
from yarl import URL

from infra.open_files import allow_many_files
from loadtest.load.caller import Caller
from loadtest.load.heard import Heard, Late
from loadtest.load.scenario import Manner
from loadtest.load.telephone import BROKEN, Refused, Telephone
from loadtest.speech import burst

READY: Final = b"ready\n"  # said first: it has come up and waits for its task
_SLOTS: Final = 10
_SLOT_S: Final = 0.002
_STOP_WITHIN_S: Final = 30.0  # after `until_s`: a turn that has begun is finished
_PRIORITY: Final = -10  # 0 is everybody's, -20 the highest
_WEBHOOK_S: Final = 15.0  # as Twilio waits


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Callers of one kind."""

    manner: Manner
    ring_at_s: tuple[float, ...]  # monotonic seconds, a caller each
    until_s: tuple[float, ...]  # when each hangs up
    agent: str = ""  # another than the webhook's address names


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a process of callers is to do."""

    ring_url: str  # the webhook
    reply_ms: float  # how long a whole answer is
    seed: int
    guests: Group  # what they hear is measured
    strangers: tuple[Group, ...] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the process says at its end."""

    heard: Heard
    strange: Heard


class Wheel:
    """The clock of all callers."""

    def __init__(self) -> None:
        self.late: list[Late] = []
        self.ticks_late_ms: list[float] = []
        self._slots: list[list[Caller]] = [[] for _ in range(_SLOTS)]
        self._place = 0
        self._second: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._due_s = self._loop.time()
        self._timer = self._loop.call_at(self._due_s, self._turn)

    def join(self, caller: Caller) -> None:
        """Tick for it until its call is over."""
        min(self._slots, key=len).append(caller)

    def stop(self) -> None:
        """Tick no more."""
        self._timer.cancel()
        self._close_second()

    def _turn(self) -> None:
        now_s = time.monotonic()
        self._second.append((now_s - self._due_s) * 1000)
        self._due_s += _SLOT_S
        self._timer = self._loop.call_at(self._due_s, self._turn)  # first: time goes on anyway
        callers = self._slots[self._place]
        if callers:
            over = [caller for caller in callers if not caller.tick(now_s)]
            for caller in over:
                callers.remove(caller)
        self._place = (self._place + 1) % _SLOTS
        if len(self._second) >= 1 / _SLOT_S:
            self._close_second()

    def _close_second(self) -> None:
        if ordered := sorted(self._second):
            p99 = ordered[int(len(ordered) * 0.99)]
            self.late.append(Late(self._due_s, p99, ordered[-1]))
            self.ticks_late_ms += (round(ms, 2) for ms in ordered)
            self._second = []


async def run(task: Task) -> Outcome:
    """All callers, from the first ring to the last farewell."""
    wheel, heard, strange = Wheel(), Heard(), Heard()
    begun_cpu_s = time.process_time()
    timeout = aiohttp.ClientTimeout(total=_WEBHOOK_S)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        async with asyncio.TaskGroup() as calls:
            groups = [(task.guests, heard), *((group, strange) for group in task.strangers)]
            for number, (group, ears) in enumerate(groups):
                speech = [b64encode(frame) for frame in burst(group.manner.speech_ms)]
                url = _url(task.ring_url, group.agent)
                for place, times in enumerate(zip(group.ring_at_s, group.until_s, strict=True)):
                    chance = random.Random(f"{task.seed} {number} {place}")
                    telephone = Telephone(http, url, group.manner, ears)
                    talking = (telephone, group.manner, speech, ears, chance)
                    caller = Caller(*talking, reply_ms=task.reply_ms)
                    calls.create_task(_call(caller, wheel, *times))
    wheel.stop()
    heard.cpu_s = time.process_time() - begun_cpu_s
    heard.late, heard.ticks_late_ms = wheel.late, wheel.ticks_late_ms
    return Outcome(heard=heard, strange=strange)


def _url(ring_url: str, agent: str) -> str:
    return str(URL(ring_url).update_query(agent=agent)) if agent else ring_url


async def _call(caller: Caller, wheel: Wheel, ring_at_s: float, until_s: float) -> None:
    await asyncio.sleep(ring_at_s - time.monotonic())
    heard = caller.heard
    try:
        await caller.ring(until_s)
    except Refused:
        heard.refused += 1
        return
    except BROKEN as broken:
        return heard.fault(type(broken).__name__)
    heard.calls += 1
    wheel.join(caller)
    try:
        async with asyncio.timeout(max(0.0, until_s - time.monotonic()) + _STOP_WITHIN_S):
            await caller.ended.wait()
    except TimeoutError:
        heard.fault("did not end")
    finally:
        await caller.close()


def main() -> None:
    """The program."""
    allow_many_files()
    with contextlib.suppress(PermissionError):  # what shares the core must not make them late
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(task))))


if __name__ == "__main__":
    main()
