"""Small prompts, as the calls of a practice would make them."""

from typing import Any

from contracts.agent import Agent
from contracts.ids import DocumentId
from contracts.passages import Passage
from services.call.intents import understand
from services.dialog.provider import Prompt, Spoken


def passage(text: str, title: str = "Opening hours") -> Passage:
    return Passage(document=DocumentId("d"), chunk=0, title=title, text=text, score=1.0)


def prompt_for(text: str, agent: Agent, *passages: Passage, **changes: Any) -> Prompt:
    """What the model is told when the caller says `text`."""
    found = understand(text, agent)
    told: dict[str, Any] = {
        "history": (Spoken(by="caller", text=text),),
        "slots": dict(found.slots),
        **changes,
    }
    return Prompt(
        agent=agent,
        system="",
        intent=found.intent,
        kind=found.kind,
        passages=passages,
        variables=agent.variables,
        language="en-US",
        **told,
    )
