"""The call's rules. Pure: no clock, no random, no await; facts bring time and outcomes along."""

from typing import assert_never

from contracts import dialog, line, passages, synthesis, transcript
from contracts.agent import Agent
from contracts.dialog import InnerFact
from contracts.event import Phase
from contracts.recorded import DialogEvent, Fact, LineEvent
from services.call.hear import hear, mishear
from services.call.lost import lose, resume
from services.call.replies import afterwards, cut, give_up, say, under_way
from services.call.state import (
    Acting,
    Answering,
    CallState,
    Consulting,
    Ended,
    Leaving,
    Listening,
    Ringing,
    Speaking,
    Talk,
    Unopened,
)
from services.call.tools import find, refusal
from services.call.voices import voice_for


def decide(fact: Fact | InnerFact, state: CallState, agent: Agent) -> list[DialogEvent]:
    """What `fact` changes about the call. Late or repeated: nothing, so nothing is recorded."""
    match fact:
        case transcript.TranscriptFinalized():
            return hear(fact, state, agent)
        case transcript.UtteranceMisheard():
            return mishear(fact, state, agent)
        case dialog.WaitEnded(awaited="answer" | "line"):
            return _abandon(fact, state)
        case passages.PassagesFound() | passages.PassagesFailed() | dialog.WaitEnded():
            return _consult(fact, state)
        case dialog.ModelWrote() | dialog.ModelFinished() | dialog.ModelFailed():
            return _write(fact, state, agent)
        case dialog.ModelCalledTool():
            return _propose(fact, state, agent)
        case dialog.ModelGaveWay():
            return _switch(fact, state)
        case dialog.ToolReported():
            return _report(fact, state, agent)
        case dialog.DraftDropped():
            return _discard(fact, state)
        case synthesis.SynthesisFailed() | synthesis.SynthesisDropped():
            return _unspoken(fact, state)
        case (
            synthesis.SentenceSynthesized()
            | synthesis.VoiceSwitched()
            | transcript.RecogniserSwitched()
        ):
            return []
        case _:
            return _on_line(fact, state, agent)


def _on_line(fact: LineEvent, state: CallState, agent: Agent) -> list[DialogEvent]:
    match fact:
        case line.LineRang():
            return _open(fact, state, agent)
        case line.LineAnswered(at_ms=at_ms):
            return _greet(at_ms, state, agent)
        case line.PlaybackFinished():
            return _heard(fact, state, agent)
        case line.PlaybackCleared():
            return _interrupt(fact, state, agent)
        case line.DigitPressed():
            return _press(fact, state, agent)
        case line.LineEnded(at_ms=at_ms, reason=reason):
            return _end(at_ms, reason, state)
        case line.LineLost():
            return lose(fact, state)
        case line.LineResumed():
            return resume(fact, state, agent)
        case (
            line.SpeechStarted()
            | line.SpeechEnded()
            | line.PlaybackStarted()
            | line.SentencePlayed()
            | line.CarrierReported()
        ):
            return []
        case _:
            assert_never(fact)


def _open(fact: line.LineRang, state: CallState, agent: Agent) -> list[DialogEvent]:
    if not isinstance(state, Unopened):
        return []
    return [
        dialog.CallOpened(
            at_ms=fact.at_ms,
            agent=fact.agent,
            language=agent.languages[0],
            variables=fact.variables,
        )
    ]


def _greet(at_ms: int, state: CallState, agent: Agent) -> list[DialogEvent]:
    if not isinstance(state, Ringing):
        return []
    return say(at_ms, state.talk, agent, "greeting", agent.phrases.greeting)


def _abandon(fact: dialog.WaitEnded, state: CallState) -> list[DialogEvent]:
    """Let a call go whose line will never be ended by the gateway that had it."""
    reason: line.EndReason = "unanswered" if isinstance(state, Ringing) else "line_lost"
    if isinstance(state, Ringing) == (fact.awaited == "answer"):
        return _end(fact.at_ms, reason, state)
    return []


def _unspoken(
    fact: synthesis.SynthesisFailed | synthesis.SynthesisDropped, state: CallState
) -> list[DialogEvent]:
    """What could not be said was not asked: a yes to it must not run a tool."""
    if isinstance(state, Unopened | Ended) or state.talk.proposal is None:
        return []
    proposal, reply = state.talk.proposal, under_way(state.talk)
    if reply is None or reply.number != fact.reply or reply.kind != "proposal":
        return []
    return [
        dialog.ToolDeclined(at_ms=fact.at_ms, invocation=proposal.invocation, tool=proposal.tool)
    ]


def _consult(
    fact: passages.PassagesFound | passages.PassagesFailed | dialog.WaitEnded, state: CallState
) -> list[DialogEvent]:
    """Go on with the passages, or without them when they failed or came too late."""
    if not isinstance(state, Consulting) or fact.turn != state.talk.turn:
        return []
    found = fact.passages if isinstance(fact, passages.PassagesFound) else ()
    return [
        dialog.PassagesTaken(
            at_ms=fact.at_ms,
            turn=fact.turn,
            sources=tuple(f"{passage.document}#{passage.chunk}" for passage in found),
            late=isinstance(fact, dialog.WaitEnded),
        )
    ]


def _write(
    fact: dialog.ModelWrote | dialog.ModelFinished | dialog.ModelFailed,
    state: CallState,
    agent: Agent,
) -> list[DialogEvent]:
    """The model's sentences become the reply; a model that fails or is silent, a phrase."""
    if not isinstance(state, Answering) or fact.reply != state.talk.next_reply:
        return []
    talk, reply = state.talk, under_way(state.talk)
    match fact:
        case dialog.ModelWrote(at_ms=at_ms, text=text):
            sentence = dialog.SentenceWritten(
                at_ms=at_ms,
                reply=fact.reply,
                sentence=len(reply.sentences) + 1 if reply else 1,
                text=text,
                voice=voice_for(agent, talk.language),
            )
            return [*_begin(at_ms, talk), sentence]
        case dialog.ModelFinished() if reply and reply.sentences:
            return [
                dialog.ReplyFinished(
                    at_ms=fact.at_ms,
                    reply=reply.number,
                    sentences=len(reply.sentences),
                    tokens_in=fact.tokens_in,
                    tokens_out=fact.tokens_out,
                    provider=fact.provider,
                    model=fact.model,
                )
            ]
        case dialog.ModelFinished() | dialog.ModelFailed():
            return say(fact.at_ms, talk, agent, "fallback", agent.phrases.failed)
        case _:
            assert_never(fact)


def _switch(fact: dialog.ModelGaveWay, state: CallState) -> list[DialogEvent]:
    if not isinstance(state, Answering) or fact.reply != state.talk.next_reply:
        return []
    return [
        dialog.ModelSwitched(
            at_ms=fact.at_ms,
            reply=fact.reply,
            from_provider=fact.from_provider,
            to_provider=fact.to_provider,
            kind=fact.kind,
            stage=fact.stage,
            wait_ms=fact.wait_ms,
        )
    ]


def _begin(at_ms: int, talk: Talk) -> list[DialogEvent]:
    if under_way(talk):
        return []
    number = talk.next_reply
    return [dialog.ReplyBegun(at_ms=at_ms, reply=number, turn=talk.turn, kind="answer")]


def _propose(fact: dialog.ModelCalledTool, state: CallState, agent: Agent) -> list[DialogEvent]:
    """Run a harmless tool, ask before one with effects, refuse what the schema does not take."""
    if not isinstance(state, Answering) or fact.reply != state.talk.next_reply:
        return []
    talk, tool = state.talk, find(agent, fact.tool)
    reason = refusal(tool, fact.arguments)
    if tool is None or reason:
        refused = dialog.ToolRefused(
            at_ms=fact.at_ms,
            tool=fact.tool,
            reason=reason or "",
            tokens_in=fact.tokens_in,
            tokens_out=fact.tokens_out,
        )
        return [refused, *say(fact.at_ms, talk, agent, "fallback", agent.phrases.failed)]
    invocation = f"run-{talk.invocations + 1}"
    if not tool.confirm:
        return [_call(fact, talk, invocation)]
    proposed = dialog.ToolProposed(
        at_ms=fact.at_ms,
        invocation=invocation,
        tool=tool.name,
        arguments=fact.arguments,
        tokens_in=fact.tokens_in,
        tokens_out=fact.tokens_out,
    )
    return [proposed, *say(fact.at_ms, talk, agent, "proposal", tool.ask, fact.arguments)]


def _call(fact: dialog.ModelCalledTool, talk: Talk, invocation: str) -> dialog.ToolCalled:
    return dialog.ToolCalled(
        at_ms=fact.at_ms,
        invocation=invocation,
        turn=talk.turn,
        tool=fact.tool,
        arguments=fact.arguments,
        tokens_in=fact.tokens_in,
        tokens_out=fact.tokens_out,
    )


def _report(fact: dialog.ToolReported, state: CallState, agent: Agent) -> list[DialogEvent]:
    if not isinstance(state, Acting) or fact.invocation != state.invocation:
        return []
    returned = dialog.ToolReturned(
        at_ms=fact.at_ms,
        invocation=fact.invocation,
        tool=state.tool,
        ok=fact.ok,
        result=fact.result,
        took_ms=fact.took_ms,
        unsure=fact.unsure,
    )
    tool = find(agent, state.tool)
    values = {**state.arguments, **fact.result}
    if not fact.ok:
        phrase = agent.phrases.unsure if fact.unsure else agent.phrases.failed
        return [returned, *say(fact.at_ms, state.talk, agent, "result", phrase)]
    if tool and tool.done:
        return [returned, *say(fact.at_ms, state.talk, agent, "result", tool.done, values)]
    return [returned]  # the model words the result


def _discard(fact: dialog.DraftDropped, state: CallState) -> list[DialogEvent]:
    """Recorded for what it cost; the conversation does not know of it."""
    if isinstance(state, Unopened | Ended):
        return []
    return [
        dialog.DraftDiscarded(
            at_ms=fact.at_ms,
            utterance=fact.utterance,
            reason=fact.reason,
            tokens_in=fact.tokens_in,
            tokens_out=fact.tokens_out,
            estimated=fact.estimated,
        )
    ]


def _heard(fact: line.PlaybackFinished, state: CallState, agent: Agent) -> list[DialogEvent]:
    """The reply was heard; after a goodbye or a transfer phrase, the line is given up."""
    if isinstance(state, Unopened | Ended | Leaving):
        return []
    reply = under_way(state.talk)
    if reply is None or reply.number != fact.reply or not reply.finished:
        return []
    heard = dialog.ReplyHeard(at_ms=fact.at_ms, reply=fact.reply)
    return [heard, *(afterwards(fact.at_ms, state, agent) if isinstance(state, Speaking) else [])]


def _interrupt(fact: line.PlaybackCleared, state: CallState, agent: Agent) -> list[DialogEvent]:
    """The caller heard a part; of a goodbye that nobody spoke over, all there was of it."""
    if isinstance(state, Unopened | Ended):
        return []
    reply = under_way(state.talk)
    if reply is None or reply.number != fact.reply:
        return []
    interrupted = cut(fact, reply)
    if fact.left_out and isinstance(state, Speaking) and reply.finished:
        return [interrupted, *afterwards(fact.at_ms, state, agent)]
    return [interrupted]


def _press(fact: line.DigitPressed, state: CallState, agent: Agent) -> list[DialogEvent]:
    """A key counts as the words the agent's file gives it."""
    words = agent.digits.get(fact.digit)
    if words is None:
        return []
    spoken = transcript.TranscriptFinalized(
        at_ms=fact.at_ms,
        utterance=0,
        text=words,
        confidence=1.0,
        speech_ended_ms=fact.at_ms,
        provider="digits",
    )
    return hear(spoken, state, agent)


def _end(at_ms: int, reason: line.EndReason, state: CallState) -> list[DialogEvent]:
    match state:
        case Ended():
            return []
        case Unopened():
            phase: Phase = "start"
            return [dialog.CallEnded(at_ms=at_ms, reason=reason, phase=phase, turns=0)]
        case (
            Ringing() | Listening() | Consulting() | Answering() | Speaking() | Acting() | Leaving()
        ):
            talk = state.talk
            ended = dialog.CallEnded(at_ms=at_ms, reason=reason, phase=talk.phase, turns=talk.turn)
            return [*give_up(at_ms, talk), ended]
        case _:
            assert_never(state)
