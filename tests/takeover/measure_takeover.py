"""How long a call is without a host, what it costs to keep one, and what a stale one can do.

    export PYTHONPATH=tests
    .venv/bin/python tests/takeover/measure_takeover.py kill dialog|stt [--calls 25 --times 8]
    .venv/bin/python tests/takeover/measure_takeover.py pause dialog|stt [--calls 50 --times 28]
    .venv/bin/python tests/takeover/measure_takeover.py drain dialog|stt [--calls 20 --times 5]
    .venv/bin/python tests/takeover/measure_takeover.py claims [--calls 200]

Real processes on a nats-server of their own that syncs each append to disk, or on three.
Options of all: --nodes 1|3, --seed N, --json FILE. Exit 1 where a call came out wrong.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import uvloop
from eventually import eventually_async
from takeover_processes import Fleet, Process, a_fleet
from takeover_servers import load, servers
from takeover_speech import Speaker, a_listener, speaking
from takeover_talk import SITUATIONS, Caller, a_clerk, claims_in
from takeover_tools import tool_server

from contracts import dialog
from contracts.ids import TenantId
from contracts.recorded import Recorded
from contracts.streams import ACK_WAIT_S
from infra.agents import Agents
from infra.nats import Bus, connect, create_streams
from infra.nats_cluster import NatsCluster
from infra.nats_server import NatsServer

TENANT = TenantId("takeover")
FLEETING = ("answering", "acting")
Call = Caller | Speaker
Figures = dict[str, Any]


async def written(call: Call) -> list[Recorded]:
    """What the role's owners wrote."""
    return await (call.decisions() if isinstance(call, Caller) else call.transcript())


async def owned(calls: list[Any], epochs: dict[str, int]) -> None:
    """Wait until every call has a further owner."""

    async def by_now() -> bool:
        return all([(await call.owner())[1] > epochs[call.call] for call in calls])

    await eventually_async(by_now, 60)


@asynccontextmanager
async def talking(
    bus: Bus, calls: int, tools_url: str, word_ms: int = 60
) -> AsyncIterator[list[Caller]]:
    agent = a_clerk(tools_url, word_ms=word_ms)
    ref = await Agents(bus).publish(TENANT, agent)
    yield [Caller(bus, TENANT, agent, ref) for _ in range(calls)]


async def kill_dialogs(bus: Bus, fleet: Fleet, told: argparse.Namespace) -> Figures:
    """Kill the one host of all calls, each time in the midst of every situation."""
    any_of, waits, herds, went_on = random.Random(told.seed), [], [], []
    async with tool_server(2.0) as tools, talking(bus, told.calls, tools.url, 250) as callers:
        host = await fleet.start()
        await all_of(callers, lambda caller, _: caller.ring())
        for round in range(told.times):
            heir = await ready_heir(fleet)

            now = [SITUATIONS[(place + round) % len(SITUATIONS)] for place in range(told.calls)]
            for fleeting in (False, True):  # those last that do not wait
                await all_of(
                    [
                        (c, s)
                        for c, s in zip(callers, now, strict=True)
                        if (s in FLEETING) == fleeting
                    ],
                    lambda each, _: each[0].begin(each[1]),
                )
            await asyncio.sleep(any_of.random())
            killed_ms, host = await killed(host), heir
            await asyncio.gather(*(c.end(s) for c, s in zip(callers, now, strict=True)))
            claimed = [claims_in(await caller.decisions())[-1][0] for caller in callers]
            waits += [each.stored_ms - killed_ms for each in claimed]
            herds.append(max(c.stored_ms for c in claimed) - min(c.stored_ms for c in claimed))
            for place, caller in enumerate(callers):
                if now[place] == "answering":
                    went_on += await further_sentences(caller, killed_ms)
        await all_of(callers, lambda caller, _: caller.hang_up())
        wrong = await not_whole(callers) + tools.twice
    return {
        "takeovers": len(waits),
        "kill to claim, ms": spread(waits),
        "first to last claim of a herd, ms": spread(herds),
        "kill to next sentence of a reply under way, ms": spread(went_on),
        "tools run": len(tools.ran),
        "wrong": wrong,
    }


async def further_sentences(caller: Caller, killed_ms: float) -> list[float]:
    """When the reply under way was written on, after the kill."""
    return [
        recorded.stored_ms - killed_ms
        for recorded in await caller.decisions()
        if recorded.stored_ms > killed_ms
        and any(isinstance(e, dialog.SentenceWritten) for e in recorded.message.events)
    ][:1]


async def kill_recognisers(bus: Bus, fleet: Fleet, told: argparse.Namespace) -> Figures:
    """Kill the one host of all calls while callers speak, wait for words, or are silent."""
    any_of, waits, herds = random.Random(told.seed), [], []
    async with speakers_of(bus, told) as speakers:
        host = await fleet.start()
        await owned(speakers, dict.fromkeys([s.call for s in speakers], 0))
        for _ in range(told.times):
            heir = await ready_heir(fleet)
            await asyncio.sleep(1 + any_of.random())
            epochs = {speaker.call: (await speaker.owner())[1] for speaker in speakers}
            killed_ms, host = await killed(host), heir
            await owned(speakers, epochs)
            claimed = [claims_in(await speaker.transcript())[-1][0] for speaker in speakers]
            waits += [each.stored_ms - killed_ms for each in claimed]
            herds.append(max(c.stored_ms for c in claimed) - min(c.stored_ms for c in claimed))
        said = await until_silent(speakers)
        wrong = await not_whole(speakers)
    return {
        "takeovers": len(waits),
        "kill to claim, ms": spread(waits),
        "first to last claim of a herd, ms": spread(herds),
        "utterances": said,
        "wrong": wrong,
    }


@asynccontextmanager
async def speakers_of(bus: Bus, told: argparse.Namespace) -> AsyncIterator[list[Speaker]]:
    ref = await Agents(bus).publish(TENANT, a_listener())
    speakers = [Speaker(bus, TENANT, ref, told.seed + place) for place in range(told.calls)]
    await all_of(speakers, lambda speaker, _: speaker.ring())
    async with speaking(speakers):
        yield speakers


async def until_silent(speakers: list[Speaker]) -> int:
    for speaker in speakers:
        speaker.stop()
    await all_of(speakers, lambda speaker, _: speaker.hang_up())
    return sum(len(speaker.said) for speaker in speakers)


async def pause(bus: Bus, fleet: Fleet, told: argparse.Namespace) -> Figures:
    """Pause an owner, let others take over, and wake it in the midst of what it was doing."""
    if told.role == "stt":
        async with speakers_of(bus, told) as speakers:
            figures = await pauses(fleet, speakers, told)
            figures["utterances"] = await until_silent(speakers)
            return figures | {"wrong": await not_whole(speakers)}
    async with tool_server(1.0) as tools, talking(bus, told.calls, tools.url, 150) as callers:
        hosts = [await fleet.start(), await fleet.start()]
        await all_of(callers, lambda caller, _: caller.ring())
        enough = asyncio.Event()
        conversing = [
            asyncio.create_task(caller.converse(told.seed + place, enough))
            for place, caller in enumerate(callers)
        ]
        figures = await pauses(fleet, callers, told, hosts)
        enough.set()
        await asyncio.gather(*conversing)
        await all_of(callers, lambda caller, _: caller.hang_up())
        late = [key for caller in callers for key in await caller.stale_requests(tools)]
        return figures | {
            "tools run": len(tools.ran),
            "tools asked about": sum(map(len, tools.checked.values())),
            "tools that failed": Counter(
                str(r.result.get("error")) for c in callers for r in c.returned if not r.ok
            ),
            "tools requested by a stale owner": late,
            "wrong": await not_whole(callers) + tools.twice + late,
        }


async def pauses(
    fleet: Fleet, calls: list[Any], told: argparse.Namespace, hosts: list[Process] | None = None
) -> Figures:
    any_of = random.Random(told.seed)
    taken: dict[tuple[str, int], float] = {}  # pauses by call and the epoch they led to
    hosts = hosts or [await fleet.start(), await fleet.start()]
    await owned(calls, dict.fromkeys([call.call for call in calls], 0))
    for _ in range(told.times):
        await asyncio.sleep(any_of.uniform(0.2, 1.2))
        now = Counter([(await call.owner())[0] for call in calls])
        victim = max(hosts, key=lambda host: now[host.name])
        victim.pause()
        paused_ms = time.time() * 1000
        owners = {call.call: await call.owner() for call in calls}
        lost = [call for call in calls if owners[call.call][0] == victim.name]
        # Sometimes it wakes while others are taking over, sometimes long after.
        await asyncio.sleep(max(0.0, paused_ms / 1000 + any_of.uniform(1.5, 3.0) - time.time()))
        victim.resume()
        await asyncio.sleep(0.3)
        for call in lost:
            if (await call.owner())[1] > owners[call.call][1]:
                taken[call.call, owners[call.call][1] + 1] = paused_ms
    waits = [
        recorded.stored_ms - taken[call.call, claim.epoch]
        for call in calls
        for recorded, claim in claims_in(await written(call))
        if (call.call, claim.epoch) in taken
    ]
    return {"schedules": len(taken), "pause to claim, ms": spread(waits)}


async def drain(bus: Bus, fleet: Fleet, told: argparse.Namespace) -> Figures:
    """Start a new host, ask the old one to go, again and again under live calls."""
    any_of, gaps, exits = random.Random(told.seed), [], []

    async def deploy(host: Process, calls: list[Any]) -> Process:
        heir = await ready_heir(fleet)
        await asyncio.sleep(any_of.random())
        asked_s = time.monotonic()
        host.ask_to_go()
        assert await host.gone() == 0
        exits.append((time.monotonic() - asked_s) * 1000)
        return heir

    if told.role == "stt":
        async with speakers_of(bus, told) as calls:
            host = await fleet.start()
            await owned(calls, dict.fromkeys([call.call for call in calls], 0))
            for _ in range(told.times):
                host = await deploy(host, calls)
            said = await until_silent(calls)
            waits = [wait for call in calls for wait in await heard_after(call)]
            for call in calls:
                gaps += await hand_overs(await call.transcript())
            wrong = await not_whole(calls)
        turns = {"utterances": said, "silence to words, ms": spread(waits)}
    else:
        async with tool_server(0.3) as tools, talking(bus, told.calls, tools.url) as callers:
            host = await fleet.start()
            await all_of(callers, lambda caller, _: caller.ring())
            enough = asyncio.Event()
            conversing = [
                asyncio.create_task(caller.converse(told.seed + place, enough))
                for place, caller in enumerate(callers)
            ]
            for _ in range(told.times):
                host = await deploy(host, callers)
            enough.set()
            await asyncio.gather(*conversing)
            await all_of(callers, lambda caller, _: caller.hang_up())
            waits = [wait for caller in callers for wait in await answered_after(caller)]
            for caller in callers:
                gaps += await hand_overs(await caller.decisions())
            wrong = await not_whole(callers) + tools.twice
        turns = {"turns": len(waits), "words to first sentence, ms": spread(waits)}
    return {
        **turns,
        "handed over": len(gaps),
        "last word of the old to claim of the new, ms, unless the call was idle": spread(gaps),
        "SIGTERM to exit, ms": spread(exits),
        "wrong": wrong,
    }


async def hand_overs(recorded: list[Recorded]) -> list[float]:
    """How long a claim took from what its predecessor wrote last, where that was under a second."""
    gaps = [b.stored_ms - a.stored_ms for a, b in pairwise(recorded)
            if claims_in([b])]  # fmt: skip
    return gaps


async def answered_after(caller: Caller) -> list[float]:
    """From the caller's words to the first sentence of the model's answer, of each turn."""
    waits, taken_ms = [], 0
    for recorded in await caller.decisions():
        for event in recorded.message.events:
            if isinstance(event, dialog.TurnTaken) and event.kind == "hello":
                taken_ms = event.speech_ended_ms
            elif isinstance(event, dialog.SentenceWritten) and taken_ms:
                waits.append(recorded.stored_ms - taken_ms)
                taken_ms = 0
    return waits


async def heard_after(speaker: Speaker) -> list[float]:
    """From the end of each utterance to its words in the log."""
    return [
        recorded.stored_ms - event.speech_ended_ms
        for recorded in await speaker.transcript()
        for event in recorded.message.events
        if hasattr(event, "speech_ended_ms")
    ]


async def claims(bus: Bus, server: NatsServer | NatsCluster, told: argparse.Namespace) -> Figures:
    """What it costs to keep claims on silent calls."""
    alone = server.servers if isinstance(server, NatsCluster) else (server,)
    pids = [each.child._process.pid for each in alone if each.child._process]
    url = server.url
    async with a_fleet("dialog", url) as dialogs, a_fleet("stt", url) as recognisers:
        await dialogs.start()
        await recognisers.start()
        before = await load(server.system_url, pids, 10)
        async with talking(bus, told.calls, "http://127.0.0.1:9") as callers:
            await all_of(callers, lambda caller, _: caller.ring())
            ref = await Agents(bus).publish(TENANT, a_listener())
            speakers = [Speaker(bus, TENANT, ref, n) for n in range(told.calls)]
            await all_of(speakers, lambda speaker, _: speaker.ring())
            await owned(speakers, dict.fromkeys([s.call for s in speakers], 0))
            during = await load(server.system_url, pids, 10)
    return {"ack wait, s": ACK_WAIT_S, "no calls": before, f"{told.calls} silent calls": during}


async def ready_heir(fleet: Fleet) -> Process:
    return await fleet.start()


async def killed(host: Process) -> float:
    """When it was; UNIX time in milliseconds."""
    killed_ms = time.time() * 1000
    await host.kill()
    return killed_ms


async def not_whole(calls: list[Any]) -> list[str]:
    wrong = []
    for call in calls:
        try:
            await call.assert_whole()
        except AssertionError as failed:
            print(call.call, failed, file=sys.stderr)
            wrong.append(str(call.call))
    return wrong


async def all_of(calls: list[Any], what: Callable[[Any, int], Awaitable[None]]) -> None:
    await asyncio.gather(*(what(call, place) for place, call in enumerate(calls)))


def spread(values: list[float]) -> Figures:
    """Of many: how many, the middle, the 99th percentile, the worst."""
    ordered = sorted(values)
    if not ordered:
        return {"n": 0}
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    middle = ordered[len(ordered) // 2]
    return {"n": len(ordered), "p50": round(middle), "p99": round(p99), "max": round(ordered[-1])}


async def main(told: argparse.Namespace) -> int:
    async with servers(told.nodes) as server:
        bus = await connect(server.url, name="measure")
        await create_streams(bus)
        if told.what == "claims":
            figures = await claims(bus, server, told)
        else:
            async with a_fleet(told.role, server.url) as fleet:
                figures = await MEASURES[told.what, told.role](bus, fleet, told)
        await bus.close()
    figures = {k: v for k, v in vars(told).items() if k != "json"} | figures
    print(json.dumps(figures, indent=2))
    if told.json:
        told.json.write_text(json.dumps(figures, indent=2))
    return 1 if figures.get("wrong") else 0


MEASURES = {
    ("kill", "dialog"): kill_dialogs,
    ("kill", "stt"): kill_recognisers,
    ("pause", "dialog"): pause,
    ("pause", "stt"): pause,
    ("drain", "dialog"): drain,
    ("drain", "stt"): drain,
}


def told() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("kill", "pause", "drain", "claims"))
    parser.add_argument("role", choices=("dialog", "stt"), nargs="?", default="dialog")
    parser.add_argument("--calls", type=int, default=25)
    parser.add_argument("--times", type=int, default=8)
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(uvloop.run(main(told())))
