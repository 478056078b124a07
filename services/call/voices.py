"""Which of an agent's voices speaks. Pure."""

from msgspec.structs import replace

from contracts.agent import Agent
from contracts.dialog import Voice


def voice_for(agent: Agent, language: str) -> Voice:
    """The voice for a call in `language` (BCP 47).

    That of the exact tag, else of what the tag is a part of (`zh-Hant-TW`, `zh-Hant`, `zh`: RFC
    4647, lookup), else the agent's usual one. One of a language is told which it is to speak.
    """
    voices = {tag.lower(): voice for tag, voice in agent.voices.items()}
    tag = language.lower()
    while tag:
        if tag in voices:
            voice = voices[tag]
            return voice if voice.language else replace(voice, language=language)
        tag = tag.rpartition("-")[0]
    return agent.voice
