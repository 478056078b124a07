"""The phrase that asks a caller to wait, in the voice of the caller's agent.

It is for when nobody can be asked for it, so it is fetched before: when a first call of the agent
has this gateway. Until then, and where no voice can say it, it is the recorded one, in English.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

import nats.errors

from contracts.agent import Agent
from contracts.codec import encode
from contracts.dialog import Voice
from contracts.ids import TenantId
from contracts.phrase import PhraseWanted
from contracts.streams import phrase_subject
from infra.cancelling import end_tasks
from infra.nats import Bus
from services.audio.phrases import one_moment
from services.call.voices import voice_for

_log: Final = logging.getLogger("partyline.gateway")
_WITHIN_S: Final = 10.0
_MOST: Final = 500  # phrases kept: about 15 MiB


class _Words(NamedTuple):
    text: str
    voice: Voice


class Moments:
    """Keeps the sound of the phrases used last."""

    def __init__(self, bus: Bus, tenant: TenantId) -> None:
        self._bus, self._subject = bus, phrase_subject(tenant)
        self._kept: OrderedDict[_Words, bytes] = OrderedDict()
        self._asked: dict[_Words, asyncio.Task[None]] = {}

    def of(self, agent: Agent) -> Callable[[], bytes]:
        """Gives the agent's phrase as mu-law, whenever it is called; it is fetched meanwhile."""
        if not agent.phrases.moment:
            return one_moment
        words = _Words(agent.phrases.moment, voice_for(agent, agent.languages[0]))
        if words in self._kept:
            self._kept.move_to_end(words)
        elif words not in self._asked:
            self._asked[words] = task = asyncio.create_task(self._fetch(words))
            task.add_done_callback(lambda _: self._asked.pop(words, None))
        return lambda: self._kept.get(words) or one_moment()

    async def close(self) -> None:
        """Let go of what is under way."""
        await end_tasks(self._asked.values())

    async def _fetch(self, words: _Words) -> None:
        """A call that comes later tries again."""
        wanted = encode(PhraseWanted(text=words.text, voice=words.voice))
        try:
            reply = await self._bus.nc.request(self._subject, wanted, timeout=_WITHIN_S)
        except (TimeoutError, nats.errors.Error, OSError) as failed:
            _log.warning("the phrase of an agent did not come: %s", type(failed).__name__)
            return
        if reply.data:
            self._kept[words] = reply.data
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
