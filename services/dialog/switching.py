"""A reply written by the first of an agent's models that can, changed in mid-turn where need be.

What one model has written when it fails is told to the next, which goes on from there: the caller
hears a pause, and nothing twice.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from contracts.agent import Agent
from contracts.dialog import InnerFact, ModelFailed, ModelGaveWay, ModelWrote
from infra.chain import Breakers, Failed, order
from services.dialog.attempt import Attempt, Candidate, candidates
from services.dialog.provider import LanguageModel, ModelError, Prompt
from services.dialog.writing import Report, now_ms, tell, unsaid, write

SLOW: Final = "slow"
_GO_ON: Final = "You have said this much of the reply. Go on from there, and repeat nothing: "


class Writers:
    """The models of one call."""

    def __init__(
        self, agent: Agent, models: Mapping[str, LanguageModel], breakers: Breakers
    ) -> None:
        self.breakers: Final = breakers
        self.lately: Final = Failed(breakers.clock_s)  # what failed this call
        self._candidates = candidates(agent, models)

    async def write(
        self, prompt: Prompt, reply: int, written: tuple[str, ...], report: Report
    ) -> None:
        """Report what is written for `reply`, less what was `written` before, and each switch.

        Cancelling stops whoever writes. Only when no model is left is the reply reported as failed.
        """
        if len(self._candidates) == 1 and (only := self._candidates[0]).model is not None:
            return await write(only.model, prompt, reply, unsaid(written, report))
        names = [each.name for each in self._candidates]
        asked = [self._candidates[place] for place in order(names, self.breakers, self.lately)]
        await _Reply(self, asked, prompt, reply, written, report).write()


class _Reply:
    """One reply on its way through the models."""

    def __init__(
        self,
        writers: Writers,
        asked: list[Candidate],
        prompt: Prompt,
        reply: int,
        written: tuple[str, ...],
        report: Report,
    ) -> None:
        self._writers, self._left = writers, deque(asked)
        self._prompt, self._reply, self._report = prompt, reply, report
        self._written = list(written)  # sentences, also those that another model wrote before
        self._beside: Attempt | None = None  # the next one, asked before the present one failed

    async def write(self) -> None:
        attempt = self._ask()
        try:
            while True:
                try:
                    attempt = await self._quickest(attempt)
                    await self._tell(attempt)
                    return self._answered(attempt)
                except ModelError as failed:
                    self._failed(attempt, failed)
                    if not self._left and self._beside is None:
                        return self._give_up(failed)
                    attempt = self._go_on(attempt, failed.kind)
        finally:
            for each in (attempt, self._beside):
                self._leave(each)

    async def _tell(self, attempt: Attempt) -> None:
        """Report what it writes."""
        llm = self._prompt.agent.llm
        first_ms, stall_ms = llm.first_ms, llm.stall_ms
        if not self._left and self._beside is None:  # nobody else to go to
            first_ms = stall_ms = self._prompt.agent.limits.model_ms
        pieces = attempt.pieces(first_ms, stall_ms)
        report = unsaid(tuple(self._written), self._remembered)
        candidate = attempt.candidate
        by = candidate.agent.llm if candidate.place else None
        await tell(pieces, self._prompt.language, self._reply, report, by)

    def _remembered(self, fact: InnerFact) -> None:
        if isinstance(fact, ModelWrote):
            self._written.append(fact.text)
        self._report(fact)

    async def _quickest(self, first: Attempt) -> Attempt:
        """It, or the next one, which is asked beside it when it hesitates: who writes first."""
        hedge_ms = self._prompt.agent.llm.hedge_ms
        if not hedge_ms or not self._left or await _came(first, hedge_ms - first.waited_ms):
            return first
        self._beside = second = self._ask()
        await _either(first, second, self._prompt.agent.llm.first_ms - first.waited_ms)
        if first.came.is_set() or not second.came.is_set():
            if not first.came.is_set() or first.failure:
                return first  # to fail; the second goes on
            self._beside = None
            self._leave(second)
            self._left.appendleft(second.candidate)  # it may still be needed
            return first
        return self._overtaken(first, second)

    def _overtaken(self, first: Attempt, second: Attempt) -> Attempt:
        if second.failure:
            self._beside = None
            self._failed(second, second.failure)
            return first
        self._leave(first)
        return self._go_on(first, SLOW)

    def _ask(self) -> Attempt:
        candidate = self._left.popleft()
        self._writers.breakers.asked(candidate.name)
        return Attempt(candidate, _going_on(self._prompt, candidate, self._written))

    def _go_on(self, left: Attempt, kind: str) -> Attempt:
        """The next one, which may have been asked already."""
        following, self._beside = self._beside or self._ask(), None
        self._report(
            ModelGaveWay(
                at_ms=now_ms(),
                reply=self._reply,
                from_provider=left.candidate.name,
                to_provider=following.candidate.name,
                kind=kind,
                stage=left.stage(kind),
                wait_ms=round(left.waited_ms, 3),
            )
        )
        return following

    def _answered(self, attempt: Attempt) -> None:
        self._writers.breakers.answered(attempt.candidate.name)
        self._writers.lately.forget(attempt.candidate.place)

    def _failed(self, attempt: Attempt, failed: ModelError) -> None:
        attempt.leave()
        self._writers.breakers.failed(attempt.candidate.name, failed)
        self._writers.lately.add(attempt.candidate.place)

    def _give_up(self, failed: ModelError) -> None:
        self._report(ModelFailed(at_ms=now_ms(), reply=self._reply, kind=failed.kind))

    def _leave(self, attempt: Attempt | None) -> None:
        """Stop one whose answer is not wanted, or no more; no harm to one that has ended."""
        if attempt is not None:
            attempt.leave()
            self._writers.breakers.let_go(attempt.candidate.name)


def _going_on(prompt: Prompt, candidate: Candidate, written: list[str]) -> Prompt:
    """The same prompt, with what the caller was told of the reply already."""
    begun = " ".join(written)
    prefills = candidate.model is not None and candidate.model.capabilities.prefill
    told = prompt.system if prefills or not begun else f"{prompt.system}\n\n{_GO_ON}{begun}"
    return replace(prompt, agent=candidate.agent, begun=begun, system=told)


async def _came(attempt: Attempt, within_ms: float) -> bool:
    """Whether anything came of it within the time."""
    try:
        async with asyncio.timeout(max(within_ms, 0.0) / 1000):
            await attempt.came.wait()
    except TimeoutError:
        return False
    return True


async def _either(first: Attempt, second: Attempt, within_ms: float) -> None:
    """Until something came of one of them, or the time is over."""
    waits = [asyncio.ensure_future(each.came.wait()) for each in (first, second)]
    try:
        await asyncio.wait(
            waits, timeout=max(within_ms, 0.0) / 1000, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        for wait in waits:
            wait.cancel()
