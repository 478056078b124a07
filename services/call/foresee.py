"""What a turn would lead to, should it be over with the words drafted so far. Pure.

The very rules of a real turn are asked, so that both come to the same.
"""

from typing import NamedTuple

from contracts.agent import Agent
from contracts.dialog import PassagesWanted, TurnTaken
from contracts.transcript import TranscriptDrafted, TranscriptFinalized
from services.call.decide import decide
from services.call.evolve import fold
from services.call.state import Answering, CallState, Consulting, Talk


class Foreseen(NamedTuple):
    """The model would be asked."""

    talk: Talk  # as it would be then
    question: PassagesWanted | None  # what the knowledge would be asked first


def foresee(draft: TranscriptDrafted, state: CallState, agent: Agent) -> Foreseen | None:
    """None where no model would be asked: a phrase is said, a tool is run, nobody listens."""
    heard = TranscriptFinalized(
        at_ms=draft.at_ms,
        utterance=draft.utterance,
        text=draft.text,
        confidence=1.0,
        speech_ended_ms=draft.at_ms,
    )
    events = decide(heard, state, agent)
    if not any(isinstance(event, TurnTaken) for event in events):
        return None
    match fold(events, state):
        case Answering(talk=talk) if not talk.away:
            return Foreseen(talk, None)
        case Consulting(talk=talk) if not talk.away:
            return Foreseen(talk, next(e for e in events if isinstance(e, PassagesWanted)))
        case _:
            return None
