"""What the vendors' models are asked in the tests of their adapters."""

from contracts.agent import Agent, Tool
from services.dialog.provider import Prompt, Spoken

WORDS = "my number is four five six"
DAY = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
BOOK = Tool(name="book", description="Book a visit.", parameters=DAY)
AGENT = Agent(name="clinic", tools=(BOOK, Tool(name="hours", description="Opening hours.")))
SYSTEM = "You answer the telephone of a dental practice."


def prompt(agent: Agent = AGENT, *history: Spoken, begun: str = "") -> Prompt:
    return Prompt(
        agent=agent,
        system=SYSTEM,
        history=history or (Spoken(by="caller", text=WORDS),),
        intent="unknown",
        kind="unknown",
        slots={},
        passages=(),
        variables={},
        language="en-US",
        begun=begun,
    )
