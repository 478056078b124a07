"""Stands in for a recogniser that an agent names and this process does not have."""

from contracts.agent import Agent
from services.stt.provider import Capabilities, Ear, RecognitionFailed


class Absent:
    """Fails to open, so that each turn is recorded as misheard and the dialog can fall back."""

    capabilities = Capabilities(interim=False, end_of_turn=False, continuous=False)

    def __init__(self, name: str) -> None:
        self.name = name

    async def open(self, agent: Agent, language: str) -> Ear:
        raise RecognitionFailed(self.name, "not on offer in this process", retryable=False)

    async def close(self) -> None:
        """Nothing is held."""
