"""A recogniser whose turns are told to telemetry: what it heard of, and how long its words took."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack

from contracts.agent import Agent
from infra.telemetry import Use, use
from services.audio.frames import FRAME_MS
from services.stt.provider import Ear, Heard, SpeechToText


class TimedEars:
    """services.stt.provider.SpeechToText, as the one within."""

    def __init__(self, within: SpeechToText) -> None:
        self._within = within
        self.name, self.capabilities = within.name, within.capabilities

    async def open(self, agent: Agent, language: str) -> Ear:
        """See SpeechToText.open."""
        return _TimedEar(await self._within.open(agent, language), self.name, agent.stt.model)

    async def close(self) -> None:
        """Let go of what the calls shared."""
        await self._within.close()


class _TimedEar:
    """A use lasts from the first frame after a turn's end to the words of the next turn."""

    def __init__(self, within: Ear, provider: str, model: str) -> None:
        self._within, self._provider, self._model = within, provider, model
        self._turn = ExitStack()
        self._use: Use | None = None
        self._frames = 0

    def feed(self, frame: bytes) -> None:
        if self._use is None:
            self._use = self._turn.enter_context(use("transcribe", self._provider, self._model))
        self._frames += 1
        self._within.feed(frame)

    def finish(self) -> None:
        if self._use is not None:
            self._use.asked()
        self._within.finish()

    def heard(self) -> AsyncIterator[Heard]:
        return self._heard()

    async def _heard(self) -> AsyncGenerator[Heard]:
        try:
            async for heard in self._within.heard():
                if self._use is not None:
                    self._use.result()
                if heard.final:
                    self._end()
                yield heard
        except Exception as failed:
            self._end(failed)
            raise

    async def close(self) -> None:
        self._end()
        await self._within.close()

    def _end(self, failed: Exception | None = None) -> None:
        if self._use is not None:
            self._use.audio(self._frames * FRAME_MS)
            if failed is not None:
                self._use.failed(getattr(failed, "kind", type(failed).__name__))
        self._turn.close()
        self._use, self._frames = None, 0
