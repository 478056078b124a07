"""A duty done: the model asked, a tool run, a time awaited, and what came of it reported."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

import aiohttp

from contracts.dialog import InnerFact, ModelFailed, ToolReported, WaitEnded
from contracts.journal import WrongVersion
from contracts.passages import Passage, PassagesFound
from contracts.recorded import Recorded
from infra.chain import Breakers
from infra.journal import NatsJournal
from infra.nats import Bus
from infra.ownership import still_owned
from services.call import tools as rules
from services.call.actor import Actor
from services.call.duties import Duty, Run, Wait, Write, duty
from services.call.state import CallState
from services.dialog import tools
from services.dialog.prompt import prompt
from services.dialog.provider import LanguageModel
from services.dialog.switching import Writers

_log: Final = logging.getLogger("partyline.dialog")
_LEAST_WAIT_S: Final = 60.0


class Outside(NamedTuple):
    """What the calls of one process share."""

    bus: Bus
    journal: NatsJournal
    models: Mapping[str, LanguageModel]
    http: aiohttp.ClientSession
    breakers: Breakers  # of the models


class Reported(NamedTuple):
    """What came of a duty; None: it came out that the call has another owner."""

    duty: Duty
    fact: InnerFact | None


class _Found(NamedTuple):
    """The passages of the newest turn that has any."""

    turn: int
    passages: tuple[Passage, ...]


class Doing:
    """Does the duties of one call."""

    def __init__(
        self,
        actor: Actor,
        outside: Outside,
        models: Mapping[str, LanguageModel],
        tell: Callable[[Reported], None],
    ) -> None:
        """`models`: the agent's; `tell`: given what comes of a duty."""
        self._actor, self._outside, self._tell = actor, outside, tell
        self._passages = _Found(0, ())
        self._inherited = duty(actor.state, actor.agent)  # an earlier owner had taken it up
        self._writers = Writers(actor.agent, models, outside.breakers)

    def remember(self, recorded: Recorded) -> None:
        """The passages in it, for when the model is asked. Those of earlier turns are let go."""
        for _, event in recorded.events():
            if isinstance(event, PassagesFound) and event.turn >= self._passages.turn:
                self._passages = _Found(event.turn, event.passages)

    async def do(self, wanted: Duty, state: CallState) -> None:
        """Do what `state` asks for; a fault is reported, so that the caller gets an answer."""
        try:
            await self._done(wanted, state)
        except WrongVersion:
            self._report(wanted, None)
        except Exception as failed:
            kind = type(failed).__name__
            _log.error("call %s: %s failed: %s", self._actor.call, type(wanted).__name__, kind)
            _log.debug("where it failed", exc_info=failed)
            self._report(wanted, _failure(wanted, kind))

    def _done(self, wanted: Duty, state: CallState) -> Coroutine[Any, Any, None]:
        match wanted:
            case Write():
                return self._write(wanted, state)
            case Run():
                return self._run(wanted)
            case Wait():
                return self._wait(wanted)

    async def _write(self, wanted: Write, state: CallState) -> None:
        talk = getattr(state, "talk", None)
        assert talk is not None  # else there would be nothing to write
        found = self._passages
        passages = found.passages if talk.sources and found.turn == talk.turn else ()
        under_way = talk.reply and not talk.reply.over  # taken over or resumed: partly written
        await self._writers.write(
            prompt(talk, self._actor.agent, passages),
            wanted.reply,
            talk.reply.written if under_way else (),
            partial(self._report, wanted),
        )

    async def _run(self, wanted: Run) -> None:
        """Run the tool, or find out what came of it where an earlier owner may have run it."""
        actor, outside = self._actor, self._outside
        tool = rules.find(actor.agent, wanted.tool)
        if tool is None:
            self._report(wanted, _failure(wanted, "no such tool"))
            return
        owned = partial(
            still_owned,
            outside.bus,
            actor.tenant,
            actor.call,
            "dialog",
            actor.host,
        )
        use = tools.Use(tool, actor.call, wanted.invocation, wanted.arguments)
        again = wanted == self._inherited
        self._report(wanted, await tools.run(use, outside.http, owned, again=again))

    async def _wait(self, wanted: Wait) -> None:
        wait_s = wanted.until_ms / 1000 - time.time()
        # A clock set forward, here or at the gateway, must not end a call that is alive.
        await asyncio.sleep(max(wait_s, 0.0 if wanted.awaited == "passages" else _LEAST_WAIT_S))
        ended = WaitEnded(at_ms=_now_ms(), turn=wanted.turn, awaited=wanted.awaited)
        self._report(wanted, ended)

    def _report(self, wanted: Duty, fact: InnerFact | None) -> None:
        self._tell(Reported(wanted, fact))


def _failure(wanted: Duty, kind: str) -> InnerFact:
    match wanted:
        case Write(reply=reply):
            return ModelFailed(at_ms=_now_ms(), reply=reply, kind=kind)
        case Run(invocation=invocation):
            error = {"error": kind}
            return ToolReported(at_ms=_now_ms(), invocation=invocation, ok=False, result=error)
        case Wait(turn=turn, awaited=awaited):
            return WaitEnded(at_ms=_now_ms(), turn=turn, awaited=awaited)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
