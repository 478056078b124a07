"""The knowledge asked beside the log, for an answer that may never be wanted."""

import nats.errors

from contracts.codec import Codec, Unreadable
from contracts.dialog import PassagesWanted
from contracts.journal import JournalUnavailable
from contracts.passages import Passage, PassagesFound
from contracts.recorded import Message
from contracts.streams import question_subject
from infra.nats import Bus
from services.call.actor import Actor


async def look_up(
    bus: Bus, codec: Codec, actor: Actor, question: PassagesWanted
) -> tuple[Passage, ...] | None:
    """The passages for a question. None: no worker answered in time, or none had room."""
    subject = question_subject(actor.tenant, actor.call)
    within_s = actor.agent.limits.passages_ms / 1000
    try:
        asked = await codec.write(actor.call, Message(by=actor.host, events=(question,)))
        reply = await bus.nc.request(subject, asked, timeout=within_s)
        answer = await codec.read(actor.call, reply.data)
    except (TimeoutError, nats.errors.Error, OSError, JournalUnavailable, Unreadable):
        return None
    return next((e.passages for e in answer.events if isinstance(e, PassagesFound)), None)
