"""Models that fail: the wait for the first sentence, or for the next one."""

import statistics
import time

from failover_figures import DOWN, NOBODY, WAIT_MS, WAITS, Measured, is_silent, measured, waits
from prompts import prompt_for
from vendors.groq import Answer, groq_server

from contracts.agent import Agent, Fallback, Provider
from contracts.dialog import InnerFact, ModelWrote
from infra.chain import Breakers
from services.dialog.providers.groq import Groq
from services.dialog.switching import Writers


async def says_two(answer: Answer) -> None:
    await answer.text("We are open. ")
    await answer.text("We are closed on Sundays. ")
    await answer.finish()


async def stalls_after_one(answer: Answer) -> None:
    await answer.text("We are open. On")
    await answer.gone()


class Listening:
    """Takes facts and remembers when sentences came."""

    def __init__(self) -> None:
        self.came_s: list[float] = []

    def __call__(self, fact: InnerFact) -> None:
        if isinstance(fact, ModelWrote):
            self.came_s.append(time.perf_counter())


async def of_models(turns: int) -> list[Measured]:
    async with groq_server() as first, groq_server() as second:
        models = {"first": Groq(first.key, first.url), "second": Groq(second.key, second.url)}
        gone = {**models, "first": Groq(first.key, NOBODY)}
        chain = Provider(provider="first", fallbacks=(Fallback(provider="second"),), **WAITS)
        agent = Agent(name="a", llm=chain)
        second.script = says_two

        async def turn(among: dict[str, Groq] = models, amid: bool = False) -> float:
            told, began_s = Listening(), time.perf_counter()
            prompt = prompt_for("when are you open", agent)
            await Writers(agent, among, Breakers()).write(prompt, 1, (), told)
            since_s, until_s = (told.came_s[:2]) if amid else (began_s, told.came_s[0])
            return (until_s - since_s) * 1000

        first.script = says_two
        usual_ms = statistics.median(await waits(turn, turns))
        refused = await waits(lambda: turn(gone), turns)
        first.refusal = DOWN
        down = await waits(turn, turns)
        first.refusal, first.script = None, is_silent
        silent = await waits(turn, turns)
        first.script = stalls_after_one
        stalled = await waits(lambda: turn(amid=True), turns)
        for model in (*models.values(), gone["first"]):
            await model.close()
    return [
        measured("llm", "connection refused", 0, refused, usual_ms),
        measured("llm", "503", 0, down, usual_ms),
        measured("llm", "stall before the first", WAIT_MS, silent, usual_ms),
        measured("llm", "stall amid", WAIT_MS, stalled, 0.0),
    ]
