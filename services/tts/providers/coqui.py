"""A Coqui TTS server's voices: its own HTTP service, a whole WAV file for each sentence.

protocol  https://github.com/idiap/coqui-ai-TTS/blob/dev/TTS/server/server.py
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import httpx

from contracts.dialog import Voice
from infra.refusals import refused
from services.audio.streams import WavStream, telephone
from services.tts.provider import Capabilities, SynthesisError

NAME: Final = "coqui"
CONNECT_S: Final = 5.0


class Coqui:
    """One server, which speaks one sentence after another: it holds a lock meanwhile.

    `voice.name` is a speaker and `voice.language` a language of the server's model, where it has
    several; it knows no speed. It goes on with a sentence that nobody waits for any more.
    """

    name = NAME
    capabilities = Capabilities(streaming=False, formats=("wav",))

    def __init__(self, url: str, *, wait_ms: int = 15_000) -> None:
        """`wait_ms`: the longest wait for a sentence, those before it in the server included."""
        timeout = httpx.Timeout(wait_ms / 1_000, connect=min(wait_ms / 1_000, CONNECT_S))
        self._pool = httpx.AsyncClient(base_url=url, timeout=timeout)

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """See TextToSpeech.speak."""
        try:
            # In the body: a text in the address would stand in the logs of all on the way.
            async with self._pool.stream("POST", "/api/tts", data=_form(text, voice)) as response:
                if response.status_code != 200:
                    raise refused(SynthesisError, NAME, response.status_code, response.headers)
                async with aclosing(telephone(response.aiter_bytes(), WavStream())) as sound:
                    async for mulaw in sound:
                        yield mulaw
        except (httpx.HTTPError, ValueError) as failure:
            raise _failed(failure) from None

    async def close(self) -> None:
        """Let go of the connections."""
        await self._pool.aclose()


def _form(text: str, voice: Voice) -> dict[str, str]:
    """Only what is given: the server takes its own default for what is missing."""
    form = {"text": text}
    if voice.name != Voice().name:
        form["speaker_id"] = voice.name
    if voice.language:
        form["language_id"] = _as_models_name_it(voice.language)
    return form


def _as_models_name_it(language: str) -> str:
    """`de` of `de-DE`. What is written small is a model's own name already: `zh-cn`, `fr-fr`."""
    return language if language.islower() else language.partition("-")[0].lower()


def _failed(failure: Exception) -> SynthesisError:
    match failure:
        case httpx.TimeoutException():
            return SynthesisError(NAME, "timeout", retryable=True)
        case httpx.ConnectError():
            return SynthesisError(NAME, "unreachable", retryable=True)
        case httpx.HTTPError():
            return SynthesisError(NAME, "disconnected", retryable=True)
        case _:
            return SynthesisError(NAME, "garbled", retryable=True)
