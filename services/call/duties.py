"""What the actor's process owes a situation. Pure: after a takeover the same duties arise."""

from typing import Any, Final, Literal, TypeAlias

import msgspec

from contracts.agent import Agent
from services.call.state import (
    Acting,
    Answering,
    CallState,
    Consulting,
    Leaving,
    Listening,
    Ringing,
    Speaking,
)

# The gateway ends every line by itself long before; this is for the line whose gateway died.
_UNANSWERED_MS: Final = 120_000


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """Let the model write this reply."""

    reply: int
    turn: int
    after_tool: str = ""  # the invocation whose result is to be worded


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Run a tool."""

    invocation: str
    tool: str
    arguments: dict[str, Any]

    def __hash__(self) -> int:
        return hash(self.invocation)


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Report when what is awaited has not come by then."""

    awaited: Literal["passages", "answer", "line"]
    turn: int  # 0: of the whole call
    until_ms: int  # UNIX time in milliseconds


Duty: TypeAlias = Write | Run | Wait


def duty(state: CallState, agent: Agent) -> Duty | None:
    """The one thing to be done in this situation, if any."""
    match state:
        case Answering(talk=talk) if not talk.away:
            last = talk.history[-1] if talk.history else None
            after_tool = last.invocation if last and last.by == "tool" else ""
            return Write(reply=talk.next_reply, turn=talk.turn, after_tool=after_tool)
        case Acting():
            return Run(invocation=state.invocation, tool=state.tool, arguments=state.arguments)
        case Consulting(talk=talk, since_ms=since_ms):
            until_ms = since_ms + agent.limits.passages_ms
            return Wait(awaited="passages", turn=talk.turn, until_ms=until_ms)
        case Ringing(talk=talk):
            return Wait(awaited="answer", turn=0, until_ms=talk.opened_ms + _UNANSWERED_MS)
        case Answering(talk=talk) | Listening(talk=talk) | Speaking(talk=talk) | Leaving(talk=talk):
            until_ms = talk.opened_ms + agent.limits.duration_ms + _UNANSWERED_MS
            return Wait(awaited="line", turn=0, until_ms=until_ms)
        case _:
            return None
