"""Drafts that are probably a whole turn -> the answer begun ahead. See docs/turns.md.

It is a cache and nothing else: the turn is decided when its words stand in the log, by the same
rules as ever. If the model is then to be told what it was told here, what it has written since is
taken; else it is asked as if there had been no draft. So no takeover and no replay knows of this.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from contracts.codec import Codec, Unreadable
from contracts.dialog import Discarded, DraftDropped
from contracts.seal import KeyWanted
from contracts.transcript import TranscriptDrafted
from infra.cancelling import end_tasks
from services.call.actor import Actor
from services.call.foresee import foresee
from services.call.state import Answering, Consulting
from services.dialog.prepared import Ask, Prepared, failure_of
from services.dialog.provider import LanguageModel, Prompt
from services.dialog.writing import Piece

_log: Final = logging.getLogger("partyline.dialog")
_EAGER: Final = b'"eager":true'


class Speculation:
    """What is prepared for one call: at most one answer. All but `close` is synchronous."""

    def __init__(
        self,
        actor: Actor,
        codec: Codec,
        models: Mapping[str, LanguageModel],
        ask: Ask,
        on_dropped: Callable[[DraftDropped], None],
    ) -> None:
        """
        Args:   models: of which the agent's first is asked ahead.
                ask: looks passages up without a word in the log.
                on_dropped: told what was prepared in vain.
        """
        self._actor, self._codec, self._ask, self._on_dropped = actor, codec, ask, on_dropped
        llm = actor.agent.llm
        self._model = models.get(llm.provider)
        asked = {each.provider: models.get(each.provider) for each in (llm, *llm.fallbacks)}
        self.models: Final = {name: model for name, model in asked.items() if model}
        """Those of the agent; its first may have begun already with what it will be asked for."""
        if self._model:
            self.models[llm.provider] = _Ahead(self, self._model)
        self._draft: TranscriptDrafted | None = None  # the present turn, while it is believed over
        self._prepared: Prepared | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # of all that are not stopped yet

    def on_draft(self, payload: bytes) -> None:
        """A draft came: prepare the answer to one that is eager; any other takes that back."""
        before = self._draft
        self._draft = self._read(payload) if _EAGER in payload else None
        if self._draft:
            self.look_ahead()
        elif before:  # else it is of the next turn, and the one before is decided
            self._drop("resumed")

    def settle(self) -> None:
        """The turn's end stands in the log: what comes of it is decided there."""
        self._draft = None

    def look_ahead(self) -> None:
        """Prepare what would be answered now. To be called after whatever may have changed that."""
        state, agent = self._actor.state, self._actor.agent
        if self._draft is None:
            if not isinstance(state, Consulting | Answering):
                self._drop("changed")  # nothing will be asked for
            return
        foreseen = foresee(self._draft, state, agent)
        if foreseen is None or self._model is None:
            self._drop("changed")
        elif self._prepared is None or not self._prepared.outlines(foreseen):
            self._drop("changed")
            self._prepare(Prepared(self._draft, foreseen, agent, self._model, self._ask))

    def end(self) -> DraftDropped | None:
        """The call ends: prepare nothing any more. Returns what was prepared in vain."""
        self._draft = None
        prepared, self._prepared = self._prepared, None
        return _give_up(prepared, "ended")

    def take(self, wanted: Prompt) -> AsyncIterator[Piece] | None:
        """The answer that was prepared for just this; None: there is none."""
        if self._prepared and self._prepared.answers(wanted):
            prepared, self._prepared = self._prepared, None
            return prepared.pieces()
        if self._draft is None:  # else what is prepared is for a turn that is still to come
            self._drop("changed")
        return None

    async def close(self) -> None:
        """Stop all models."""
        self.end()
        await end_tasks(self._tasks)

    def _read(self, payload: bytes) -> TranscriptDrafted | None:
        try:
            events = self._codec.decode(self._actor.call, payload).events
        except (KeyWanted, Unreadable):
            return None  # as if it had not come
        return next((e for e in events if isinstance(e, TranscriptDrafted)), None)

    def _prepare(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._tasks.add(prepared.task)
        prepared.task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if failure := failure_of(task):
            _log.warning("call %s: an answer was not prepared: %s", self._actor.call, failure)

    def _drop(self, reason: Discarded) -> None:
        prepared, self._prepared = self._prepared, None
        if dropped := _give_up(prepared, reason):
            self._on_dropped(dropped)


class _Ahead:
    """services.dialog.provider.LanguageModel: what is prepared, else the model itself."""

    def __init__(self, speculation: Speculation, model: LanguageModel) -> None:
        self.name, self.capabilities = model.name, model.capabilities
        self._speculation, self._model = speculation, model

    def write(self, prompt: Prompt) -> AsyncIterator[Piece]:
        return self._speculation.take(prompt) or self._model.write(prompt)

    async def close(self) -> None:
        """The model stays its owner's to close."""


def _give_up(prepared: Prepared | None, reason: Discarded) -> DraftDropped | None:
    if prepared is None:
        return None
    prepared.task.cancel()
    return prepared.wasted(reason)
