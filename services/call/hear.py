"""What a caller's words lead to. Pure."""

from msgspec.structs import replace

from contracts import dialog
from contracts.agent import Agent, Intent
from contracts.event import Phase
from contracts.recorded import DialogEvent
from contracts.transcript import TranscriptFinalized, UtteranceMisheard
from services.call.evolve import fold
from services.call.intents import Understanding, understand
from services.call.replies import give_up, say, under_way
from services.call.state import (
    Acting,
    CallState,
    Ended,
    Leaving,
    Listening,
    Ringing,
    Talk,
    Unopened,
)

TRANSFER = "transfer"  # the tool every agent has: hand the caller to a person


def hear(fact: TranscriptFinalized, state: CallState, agent: Agent) -> list[DialogEvent]:
    """The caller's turn: what is done first about it. A reply still under way is given up."""
    if isinstance(state, Unopened | Ringing | Leaving | Ended):
        return []
    understood = understand(fact.text, agent)
    taken = _turn(fact, understood, state.talk)
    if isinstance(state, Acting):
        return [taken]  # the tool's result comes first, and is worded with this in mind
    given_up = give_up(fact.at_ms, state.talk)
    talk = _talk_after([*given_up, taken], state)
    moved = _phase(fact.at_ms, understood.kind, talk)
    return [*given_up, taken, *moved, *_answer(fact.at_ms, understood, talk, agent)]


def mishear(fact: UtteranceMisheard, state: CallState, agent: Agent) -> list[DialogEvent]:
    """Ask again; after the agent's number of failures in a row, hand the caller to a person."""
    if not isinstance(state, Listening) or under_way(state.talk):
        return []
    talk = state.talk
    misheard = dialog.TurnMisheard(
        at_ms=fact.at_ms,
        turn=talk.turn + 1,
        utterance=fact.utterance,
        failures=talk.failures + 1,
        speech_ended_ms=fact.speech_ended_ms,
    )
    talk = replace(talk, turn=misheard.turn)
    if misheard.failures >= agent.limits.failures:
        return [misheard, *say(fact.at_ms, talk, agent, "transfer", agent.phrases.transfer)]
    return [misheard, *say(fact.at_ms, talk, agent, "fallback", agent.phrases.fallback)]


def _turn(fact: TranscriptFinalized, understood: Understanding, talk: Talk) -> dialog.TurnTaken:
    return dialog.TurnTaken(
        at_ms=fact.at_ms,
        turn=talk.turn + 1,
        utterance=fact.utterance,
        text=fact.text,
        intent=understood.intent,
        kind=understood.kind,
        slots=understood.slots,
        confidence=fact.confidence,
        speech_ended_ms=fact.speech_ended_ms,
    )


def _talk_after(events: list[DialogEvent], state: CallState) -> Talk:
    after = fold(events, state)
    assert not isinstance(after, Unopened | Ended)
    return after.talk


def _phase(at_ms: int, kind: str, talk: Talk) -> list[DialogEvent]:
    wanted: Phase = "discovery" if talk.phase == "start" else talk.phase
    if kind in ("question", "action"):
        wanted = "active"
    if kind == "goodbye":
        wanted = "completion"
    return [] if wanted == talk.phase else [dialog.PhaseEntered(at_ms=at_ms, phase=wanted)]


def _answer(at_ms: int, understood: Understanding, talk: Talk, agent: Agent) -> list[DialogEvent]:
    """The first step towards the reply; nothing: the model writes it right away."""
    intent = next((i for i in agent.intents if i.name == understood.intent), None)
    if talk.pending and _is_answer(understood):
        return _confirm(at_ms, understood, talk, agent)
    if understood.kind == "goodbye":
        text = intent.reply if intent and intent.reply else agent.phrases.goodbye
        return say(at_ms, talk, agent, "goodbye", text)
    if intent and intent.tool == TRANSFER:
        return say(at_ms, talk, agent, "transfer", agent.phrases.transfer)
    if intent and intent.reply:
        return say(at_ms, talk, agent, "answer", intent.reply, understood.slots)
    if _needs_knowledge(understood, intent, agent):
        return [_question(at_ms, talk, agent)]
    return []


def _is_answer(understood: Understanding) -> bool:
    """Only a plain yes or no decides about a proposal; a confirmation of neither does not."""
    return understood.kind == "confirm" and understood.slots.get("answer") in ("yes", "no")


def _confirm(at_ms: int, understood: Understanding, talk: Talk, agent: Agent) -> list[DialogEvent]:
    proposal = talk.pending
    assert proposal is not None
    if understood.slots.get("answer") == "no":
        declined = dialog.ToolDeclined(
            at_ms=at_ms, invocation=proposal.invocation, tool=proposal.tool
        )
        return [declined, *say(at_ms, talk, agent, "answer", agent.phrases.declined)]
    called = dialog.ToolCalled(
        at_ms=at_ms,
        invocation=proposal.invocation,
        turn=talk.turn,
        tool=proposal.tool,
        arguments=proposal.arguments,
    )
    return [called]


def _needs_knowledge(understood: Understanding, intent: Intent | None, agent: Agent) -> bool:
    if not agent.knowledge or (intent and intent.tool):
        return False
    return understood.kind in ("question", "unknown")


def _question(at_ms: int, talk: Talk, agent: Agent) -> dialog.PassagesWanted:
    assert talk.understood is not None
    return dialog.PassagesWanted(
        at_ms=at_ms,
        turn=talk.turn,
        question=talk.understood.text,
        agent=talk.agent,
        limit=agent.limits.passages,
    )
