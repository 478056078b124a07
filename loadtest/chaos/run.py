"""One run: a town, callers in it, faults among them, and the account of it all."""

import asyncio
import time
from pathlib import Path
from typing import Final, Literal

import msgspec

from infra.beside import beside
from loadtest.chaos.account import Account, Silent, account
from loadtest.chaos.faults import schedule
from loadtest.chaos.inflicting import Done, Inflicting
from loadtest.chaos.log import judge
from loadtest.chaos.person import Person
from loadtest.chaos.report import Result
from loadtest.chaos.sentences import Story
from loadtest.chaos.town import AGENT, Town, names, town

_CALM_S: Final = 8.0  # before the end, in which nothing more goes wrong
_BACK_S: Final = {"nats": 8.0, "cut": 1.0, "kill": 0.0}  # an election; a new connection
_LAST_ANSWERS_S: Final = 60.0  # after the last fault, for conversations to come to their end


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do."""

    seed: int
    minutes: float = 2.0
    calls: int = 10  # at a time
    nats_nodes: Literal[1, 3] = 1
    without: frozenset[str] = frozenset()  # faults to leave out, see faults.schedule
    only: tuple[str, ...] = ()  # faults to have instead of all


async def run(data: Path, plan: Plan) -> Result:
    """The whole thing: its minutes, and half a minute around them."""
    async with town(data, plan.nats_nodes) as here:
        return await _run(here, plan)


async def _run(here: Town, plan: Plan) -> Result:
    people = [Person(number, here.gateways, AGENT, plan.seed) for number in range(plan.calls)]
    inflicting, trouble = Inflicting(here), list[str]()
    length_s = plan.minutes * 60
    faults = schedule(
        *(plan.seed, length_s - _CALM_S, names()),
        nats=here.nats_names(),
        without=plan.without,
        only=plan.only,
    )
    until_s = time.time() + length_s
    talking = [asyncio.create_task(person.talk(until_s)) for person in people]
    try:
        async with beside(inflicting.watch()):
            await inflicting.run(faults)
            left_s = max(1.0, until_s - time.time()) + _LAST_ANSWERS_S
            _, late = await asyncio.wait(talking, timeout=left_s)
        trouble += [f"{len(late)} callers did not come to an end"] if late else []
    finally:
        for task in talking:
            task.cancel()
        outcomes = await asyncio.gather(*talking, return_exceptions=True)
    trouble += [f"a caller failed: {o!r}" for o in outcomes if isinstance(o, Exception)]
    trouble += inflicting.trouble
    stories = [story for person in people for story in person.stories]
    verdict = await judge(here.bus, here.codec, here.addresses.postgres_dsn, inflicting.done)
    return Result(
        seed=plan.seed,
        minutes=plan.minutes,
        calls_at_a_time=plan.calls,
        nats_nodes=plan.nats_nodes,
        account=_sum(stories, _silent(inflicting.done)),
        verdict=verdict,
        done=inflicting.done,
        left_out=len(inflicting.left_out),
        silences=[silence for person in people for silence in person.silences],
        trouble=trouble,
        stories=stories,
    )


def _sum(stories: list[Story], silent: list[Silent]) -> Account:
    total = Account()
    for story in stories:
        total.add(account(story, silent))
    return total


def _silent(done: list[Done]) -> list[Silent]:
    """When gateways could store nothing."""
    return [
        Silent(each.at_s, each.healed_s + _BACK_S[each.kind], each.url)
        for each in done
        if each.kind == "nats" or (each.kind in _BACK_S and each.url)
    ]
