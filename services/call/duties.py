"""What the actor's process owes a situation. Pure: after a takeover the same duties arise."""

from typing import Any, TypeAlias

import msgspec

from contracts.agent import Agent
from services.call.state import Acting, Answering, CallState, Consulting


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
    """Report when the passages have not come by then."""

    turn: int
    until_ms: int  # UNIX time in milliseconds


Duty: TypeAlias = Write | Run | Wait


def duty(state: CallState, agent: Agent) -> Duty | None:
    """The one thing to be done in this situation, if any."""
    match state:
        case Answering(talk=talk):
            last = talk.history[-1] if talk.history else None
            after_tool = last.invocation if last and last.by == "tool" else ""
            return Write(reply=talk.next_reply, turn=talk.turn, after_tool=after_tool)
        case Acting():
            return Run(invocation=state.invocation, tool=state.tool, arguments=state.arguments)
        case Consulting(talk=talk, since_ms=since_ms):
            return Wait(turn=talk.turn, until_ms=since_ms + agent.limits.passages_ms)
        case _:
            return None
