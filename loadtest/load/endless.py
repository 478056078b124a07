"""An agent whose answers fill up whoever does not take them off his socket."""

from typing import Final

from msgspec.structs import replace

from contracts.agent import Agent
from services.tts.providers.tone import MS_PER_CHARACTER

NAME: Final = "endless"
_SENTENCE_S: Final = 60
_SENTENCES: Final = 20  # 8 MiB are 13 minutes of sound; what the kernel holds comes on top of that
_PACE: Final = "40x"  # times real time; all at once would hold up everybody's loop


def endless(agent: Agent) -> Agent:
    """`agent`, but each answer lasts for twenty minutes, and comes in half a minute."""
    sentence = "A" + "a" * (_SENTENCE_S * 1000 // MS_PER_CHARACTER - 2) + "."
    options = {"text": " ".join([sentence] * _SENTENCES)}
    voice = replace(agent.voice, model=_PACE)
    return replace(agent, name=NAME, voice=voice, llm=replace(agent.llm, options=options))
