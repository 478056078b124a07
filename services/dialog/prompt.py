"""What a model is told, made from the call's state."""

from contracts.agent import Agent
from contracts.passages import Passage
from services.call.phrases import fill
from services.call.state import Said, Talk
from services.dialog.provider import Prompt, Spoken


def prompt(talk: Talk, agent: Agent, passages: tuple[Passage, ...]) -> Prompt:
    """Everything one reply may be written from."""
    understood = talk.understood
    return Prompt(
        agent=agent,
        system=_system(talk, agent, passages),
        history=tuple(_spoken(said) for said in talk.history),
        intent=understood.intent if understood else "unknown",
        kind=understood.kind if understood else "unknown",
        slots=dict(understood.slots) if understood else {},
        passages=passages,
        variables={**agent.variables, **talk.variables},
        language=talk.language,
        begun=" ".join(talk.reply.written) if talk.reply and not talk.reply.over else "",
    )


def _system(talk: Talk, agent: Agent, passages: tuple[Passage, ...]) -> str:
    parts = [
        fill(agent.prompt, talk.variables, agent.variables).strip(),
        f"The caller speaks {talk.language}. Answer in a few short sentences to be spoken aloud.",
        getattr(agent.phases, talk.phase),
    ]
    if passages:
        parts.append("Answer only from these passages; say so if they do not hold the answer:")
        parts += [f"[{passage.title}] {passage.text}" for passage in passages]
    return "\n\n".join(part for part in parts if part)


def _spoken(said: Said) -> Spoken:
    return Spoken(
        by=said.by,
        text=said.text,
        tool=said.tool,
        invocation=said.invocation,
        arguments=said.arguments,
    )
