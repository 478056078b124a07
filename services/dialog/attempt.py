"""One model asked to write one reply, and how far it came."""

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Final, NamedTuple

from msgspec.structs import replace

from contracts.agent import Agent, Fallback
from contracts.event import Stage
from infra.apart import Apart
from services.dialog.provider import LanguageModel, ModelError, Prompt
from services.dialog.writing import Piece, closable

_log: Final = logging.getLogger("partyline.dialog")
NOT_CONFIGURED: Final = "not configured"


class Candidate(NamedTuple):
    """A model of an agent's chain."""

    place: int  # in the agent's order, from 0
    name: str
    model: LanguageModel | None  # None: this process does not have it
    agent: Agent  # with this model as its only one


class Attempt:
    """Asks at once. Whoever makes one calls `leave` in the end."""

    def __init__(self, candidate: Candidate, prompt: Prompt) -> None:
        self.candidate: Final = candidate
        self._sign_s = time.perf_counter()  # of its last sign of life
        self._pieces = 0
        self._stream = Apart(_asked(candidate, prompt))
        self.came: Final = self._stream.came

    @property
    def failure(self) -> ModelError | None:
        """What it failed of, when nothing more can be had of it."""
        failure = self._stream.failure
        return failure if isinstance(failure, ModelError) else None

    @property
    def waited_ms(self) -> float:
        """Since the last that came of it, or since it was asked."""
        return (time.perf_counter() - self._sign_s) * 1000

    def stage(self, kind: str) -> Stage:
        """How far it had come when it failed in this way."""
        if self._pieces:
            return "amid"
        return "connect" if kind in ("unreachable", NOT_CONFIGURED) else "first"

    async def pieces(self, first_ms: float, stall_ms: float) -> AsyncIterator[Piece]:
        """What it writes. Raises ModelError, also when it takes longer than it may."""
        try:
            while piece := await self._stream.next(self._patience_s(first_ms, stall_ms)):
                self._pieces += 1
                self._sign_s = time.perf_counter()
                yield piece
        except TimeoutError:
            raise ModelError(self.candidate.name, "timeout", retryable=True) from None

    def leave(self) -> None:
        """Close its stream, without waiting for that."""
        self._stream.leave()

    def _patience_s(self, first_ms: float, stall_ms: float) -> float:
        """The first piece is awaited from when it was asked, however long others were tried."""
        if self._pieces:
            return stall_ms / 1000
        return max(0.0, (first_ms - self.waited_ms) / 1000)


def candidates(agent: Agent, models: Mapping[str, LanguageModel]) -> tuple[Candidate, ...]:
    """The agent's models in its order."""
    return tuple(
        Candidate(place, llm.provider, models.get(llm.provider), _alone(agent, llm))
        for place, llm in enumerate((agent.llm, *agent.llm.fallbacks))
    )


def _alone(agent: Agent, llm: Fallback) -> Agent:
    """The agent as an adapter sees it: one model, and what it may take to be reached."""
    alone = replace(
        agent.llm,
        provider=llm.provider,
        model=llm.model,
        temperature=llm.temperature,
        options=llm.options,
        fallbacks=(),
    )
    return replace(agent, llm=alone)


async def _asked(candidate: Candidate, prompt: Prompt) -> AsyncGenerator[Piece]:
    if candidate.model is None:
        _log.error("no model %s here", candidate.name)
        raise ModelError(candidate.name, NOT_CONFIGURED, retryable=False)
    try:
        async with aclosing(closable(candidate.model.write(prompt))) as pieces:
            async for piece in pieces:
                yield piece
    except ModelError:
        raise
    except Exception as fault:  # the adapter's own: the next model answers all the same
        _log.debug("where it failed", exc_info=fault)
        raise ModelError(candidate.name, type(fault).__name__, retryable=False) from None
