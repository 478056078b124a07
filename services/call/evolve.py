"""What a decision makes of the state. Total: every event fits every situation."""

import json
from collections.abc import Iterable
from typing import assert_never

from msgspec.structs import replace

from contracts import dialog
from contracts.event import OwnerClaimed
from contracts.recorded import DialogEvent, WithinCall
from services.call.state import (
    Acting,
    Answering,
    CallState,
    Consulting,
    Ended,
    Leaving,
    Listening,
    Proposal,
    Reply,
    Ringing,
    Said,
    Speaking,
    Talk,
    Understood,
    Unopened,
)


def fold(events: Iterable[DialogEvent], state: CallState | None = None) -> CallState:
    """The state after `events`, from `state` or from nothing."""
    state = state or Unopened()
    for event in events:
        state = evolve(state, event)
    return state


def evolve(state: CallState, event: DialogEvent) -> CallState:
    """The state after one event. An event that finds no open call changes nothing."""
    match event:
        case OwnerClaimed(epoch=epoch):
            return _owned(state, epoch)
        case dialog.CallOpened():
            return Ringing(talk=_opened(state, event))
        case dialog.CallEnded(reason=reason):
            return Ended(talk=_talk(state), reason=reason)
        case _:
            talk = _talk(state)
            if talk is None or isinstance(state, Ended):
                return state
            return _within(state, talk, event)


def _within(state: CallState, talk: Talk, event: WithinCall) -> CallState:
    match event:
        case dialog.PhaseEntered(phase=phase):
            return _keeping(state, replace(talk, phase=phase))
        case dialog.TurnTaken():
            talk = _taken(talk, event)
            return _keeping(state, talk) if isinstance(state, Acting) else Answering(talk=talk)
        case dialog.TurnMisheard():
            return Listening(talk=replace(talk, turn=event.turn, failures=event.failures))
        case dialog.PassagesWanted(at_ms=at_ms):
            return Consulting(talk=talk, since_ms=at_ms)
        case dialog.PassagesTaken(sources=sources):
            return Answering(talk=replace(talk, sources=sources))
        case dialog.ReplyBegun():
            return Answering(talk=replace(talk, reply=_begun(talk, event)))
        case dialog.SentenceWritten():
            return _keeping(state, _written(talk, event))
        case dialog.ReplyFinished():
            return Speaking(talk=_reply(talk, finished=True))
        case dialog.ReplyHeard() | dialog.ReplyInterrupted():
            return _after_reply(state, _remembered(talk, event))
        case dialog.CallerLost() | dialog.CallerReturned():
            return _keeping(state, _reached(talk, event))
        case (
            dialog.ToolProposed()
            | dialog.ToolDeclined()
            | dialog.ToolRefused()
            | dialog.ToolCalled()
            | dialog.ToolReturned()
        ):
            return _with_tool(state, talk, event)
        case dialog.ModelSwitched():
            return _keeping(state, talk)  # who writes is no part of what was said
        case dialog.TransferRequested() | dialog.HangUpRequested():
            return Leaving(talk=talk)
        case dialog.DraftDiscarded():
            return state
        case _:
            assert_never(event)


def _with_tool(
    state: CallState,
    talk: Talk,
    event: dialog.ToolProposed
    | dialog.ToolDeclined
    | dialog.ToolRefused
    | dialog.ToolCalled
    | dialog.ToolReturned,
) -> CallState:
    match event:
        case dialog.ToolProposed(invocation=invocation, tool=tool, arguments=arguments):
            proposal = Proposal(
                turn=talk.turn, invocation=invocation, tool=tool, arguments=arguments
            )
            talk = replace(talk, proposal=proposal, invocations=talk.invocations + 1)
            return _keeping(state, talk)
        case dialog.ToolDeclined():
            return _keeping(state, replace(talk, proposal=None))
        case dialog.ToolRefused():
            return _keeping(state, talk)
        case dialog.ToolCalled(invocation=invocation, tool=tool, arguments=arguments):
            fresh = talk.proposal is None or talk.proposal.invocation != invocation
            count = talk.invocations + (1 if fresh else 0)
            talk = replace(talk, proposal=None, invocations=count)
            return Acting(talk=talk, invocation=invocation, tool=tool, arguments=arguments)
        case dialog.ToolReturned():
            return Answering(talk=_returned(state, talk, event))
        case _:
            assert_never(event)


def _talk(state: CallState) -> Talk | None:
    return None if isinstance(state, Unopened) else state.talk


def _keeping(state: CallState, talk: Talk) -> CallState:
    """The same situation with other memory."""
    match state:
        case Unopened():
            return state
        case Ended(reason=reason):
            return Ended(talk=talk, reason=reason)
        case _:
            return replace(state, talk=talk)


def _owned(state: CallState, epoch: int) -> CallState:
    if isinstance(state, Unopened):
        return Unopened(epoch=epoch)
    talk = _talk(state)
    return _keeping(state, replace(talk, epoch=epoch)) if talk else state


def _opened(state: CallState, event: dialog.CallOpened) -> Talk:
    epoch = state.epoch if isinstance(state, Unopened) else 0
    return Talk(
        agent=event.agent,
        language=event.language,
        opened_ms=event.at_ms,
        variables=event.variables,
        epoch=epoch,
    )


def _taken(talk: Talk, event: dialog.TurnTaken) -> Talk:
    understood = Understood(
        turn=event.turn,
        text=event.text,
        intent=event.intent,
        kind=event.kind,
        slots=event.slots,
    )
    return replace(
        talk,
        turn=event.turn,
        failures=0,
        understood=understood,
        sources=(),
        history=(*talk.history, Said(by="caller", text=event.text)),
    )


def _reply(talk: Talk, **changes: bool) -> Talk:
    return replace(talk, reply=replace(talk.reply, **changes)) if talk.reply else talk


def _begun(talk: Talk, event: dialog.ReplyBegun) -> Reply:
    """A reply that resumes another goes on from what the model wrote there."""
    old = talk.reply
    written = old.written if old and old.number == event.resumes else ()
    return Reply(number=event.reply, turn=event.turn, kind=event.kind, written=written)


def _written(talk: Talk, event: dialog.SentenceWritten) -> Talk:
    reply = talk.reply
    if reply is None:
        return talk
    sentences = (*reply.sentences, event.text)
    written = reply.written if event.again else (*reply.written, event.text)
    return replace(talk, reply=replace(reply, sentences=sentences, written=written))


def _reached(talk: Talk, event: dialog.CallerLost | dialog.CallerReturned) -> Talk:
    match event:
        case dialog.CallerReturned():
            return replace(talk, away=False, planned=False)
        case dialog.CallerLost(reply=number, sentences=confirmed, planned=planned):
            reply = talk.reply
            if reply and not reply.over and reply.number == number:
                reply = replace(reply, confirmed=min(confirmed, len(reply.sentences)))
            return replace(talk, away=True, planned=planned, reply=reply)


def _remembered(talk: Talk, event: dialog.ReplyHeard | dialog.ReplyInterrupted) -> Talk:
    """History keeps what the caller heard, never what was merely written."""
    if talk.reply is None or talk.reply.number != event.reply:
        return talk
    match event:
        case dialog.ReplyHeard():
            heard = " ".join(talk.reply.sentences)
        case dialog.ReplyInterrupted(heard=heard):
            pass
    resumed = isinstance(event, dialog.ReplyInterrupted) and event.resumed
    if talk.reply.kind == "proposal" and not heard and not resumed:
        talk = replace(talk, proposal=None)  # never put to the caller: a yes would mean nothing
    entry = (Said(by="agent", text=heard),) if heard else ()
    return replace(_reply(talk, over=True), history=(*talk.history, *entry))


def _after_reply(state: CallState, talk: Talk) -> CallState:
    match state:
        case Answering() | Speaking():
            return Listening(talk=talk)
        case _:
            return _keeping(state, talk)


def _returned(state: CallState, talk: Talk, event: dialog.ToolReturned) -> Talk:
    arguments = state.arguments if isinstance(state, Acting) else {}
    entry = Said(
        by="tool",
        text=json.dumps(event.result, sort_keys=True),
        tool=event.tool,
        invocation=event.invocation,
        arguments=arguments,
    )
    return replace(talk, history=(*talk.history, entry))
