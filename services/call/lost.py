"""A line that breaks and comes back: what the caller is told, and told again. Pure."""

from msgspec.structs import replace

from contracts import dialog
from contracts.agent import Agent
from contracts.dialog import Voice
from contracts.line import LineLost, LineResumed
from contracts.recorded import DialogEvent
from services.call.phrases import fill
from services.call.replies import afterwards, give_up, say, under_way
from services.call.sentences import split
from services.call.state import (
    Answering,
    CallState,
    Ended,
    Listening,
    Reply,
    Speaking,
    Talk,
    Unopened,
)
from services.call.voices import voice_for


def lose(fact: LineLost, state: CallState) -> list[DialogEvent]:
    """The caller is away; work under way goes on, but nothing new is written for nobody."""
    if isinstance(state, Unopened | Ended) or state.talk.away:
        return []
    lost = dialog.CallerLost(
        at_ms=fact.at_ms, reply=fact.reply, sentences=fact.sentence, planned=fact.planned
    )
    return [lost]


def resume(fact: LineResumed, state: CallState, agent: Agent) -> list[DialogEvent]:
    """Bridge the gap, say what was not heard, and go on.

    Where the answer is still looked up or a tool still runs, what comes of it is answer enough.
    """
    if isinstance(state, Unopened | Ended) or not state.talk.away:
        return []
    talk = state.talk
    number = talk.reply.number if talk.reply else 0
    if fact.unbroken:  # the caller heard on, and noticed nothing
        return [dialog.CallerReturned(at_ms=fact.at_ms, stint=fact.stint)]
    returned = dialog.CallerReturned(at_ms=fact.at_ms, stint=fact.stint, reply=number)
    reply = under_way(talk)
    match state:
        case Speaking() if reply and reply.confirmed >= len(reply.sentences):
            heard = dialog.ReplyHeard(at_ms=fact.at_ms, reply=reply.number)
            return [returned, heard, *_go_on(fact.at_ms, state, agent)]
        case Speaking() | Answering() if reply:
            given_up = give_up(fact.at_ms, talk, resumed=True)
            return [returned, *given_up, *_again(fact.at_ms, talk, reply, agent)]
        case Answering():
            return [returned, *_first(fact.at_ms, talk, agent)]
        case Listening():
            return [returned, *_bridge(fact.at_ms, talk, agent)]
        case _:
            return [returned, *give_up(fact.at_ms, talk)]


def _go_on(at_ms: int, state: Speaking, agent: Agent) -> list[DialogEvent]:
    return afterwards(at_ms, state, agent) or _bridge(at_ms, _over(state.talk), agent)


def _bridge(at_ms: int, talk: Talk, agent: Agent) -> list[DialogEvent]:
    """The phrase alone; none when the caller can have noticed next to nothing."""
    return [] if talk.planned else say(at_ms, talk, agent, "bridge", agent.phrases.back)


def _first(at_ms: int, talk: Talk, agent: Agent) -> list[DialogEvent]:
    """The phrase as the beginning of the answer that the model is yet to write."""
    if talk.planned:
        return []
    number, voice = talk.next_reply, voice_for(agent, talk.language)
    begun = dialog.ReplyBegun(at_ms=at_ms, reply=number, turn=talk.turn, kind="answer")
    return [begun, *_said(at_ms, number, _phrase(talk, agent), voice)]


def _again(at_ms: int, talk: Talk, reply: Reply, agent: Agent) -> list[DialogEvent]:
    """The same reply under a new number: the phrase, then what was not heard."""
    number = reply.number + 1
    begun = dialog.ReplyBegun(
        at_ms=at_ms, reply=number, turn=reply.turn, kind=reply.kind, resumes=reply.number
    )
    texts = (*_phrase(talk, agent), *reply.sentences[reply.confirmed :])
    written = _said(at_ms, number, texts, voice_for(agent, talk.language))
    finished = dialog.ReplyFinished(at_ms=at_ms, reply=number, sentences=len(texts))
    return [begun, *written, *([finished] if reply.finished else [])]


def _said(
    at_ms: int, number: int, texts: tuple[str, ...], voice: Voice
) -> list[dialog.SentenceWritten]:
    return [
        dialog.SentenceWritten(
            at_ms=at_ms, reply=number, sentence=place, text=text, voice=voice, again=True
        )
        for place, text in enumerate(texts, start=1)
    ]


def _phrase(talk: Talk, agent: Agent) -> tuple[str, ...]:
    if talk.planned:
        return ()
    text = fill(agent.phrases.back, talk.variables, agent.variables)
    return tuple(split(text, talk.language))


def _over(talk: Talk) -> Talk:
    """The talk once its reply was heard: the next one has a new number."""
    return replace(talk, reply=replace(talk.reply, over=True) if talk.reply else None)
