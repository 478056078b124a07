"""What the loopback models write and the loopback voices say."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from vendors import elevenlabs
from vendors.by_hand.answering import Called, answer, tokens
from vendors.by_hand.latency import Latency, wait
from vendors.voice_sockets import Script, Speaking, said_in

from contracts.dialog import Voice
from services.tts.providers.espeak import Espeak


class Chatting(Protocol):
    """A reply that is being streamed, as each vendor's double has it."""

    body: dict[str, Any]

    async def text(self, text: str) -> None: ...

    async def call(self, name: str, arguments: dict[str, Any]) -> None: ...

    async def finish(self, reason: str = ...) -> None: ...


def chat(latency: Latency) -> Callable[[Chatting], Awaitable[None]]:
    """The script of all that answer: a tool call, or the answer token by token."""

    async def script(asked: Chatting) -> None:
        said = answer(asked.body["messages"], asked.body.get("tools", []))
        await wait(latency.first_token_ms)
        if isinstance(said, Called):
            await asked.call(said.name, said.arguments)
            await asked.finish("tool_calls")
            return
        for token in tokens(said):
            await asked.text(token)
            await wait(latency.token_ms)
        await asked.finish()

    return script


def voice(latency: Latency, espeak: Espeak) -> Callable[[elevenlabs.Reading], Awaitable[None]]:
    """ElevenLabs' script: the text, spoken by espeak-ng."""

    async def script(reading: elevenlabs.Reading) -> None:
        await wait(latency.first_audio_ms)
        async for piece in espeak.speak(reading.body["text"], Voice()):
            await reading.audio(piece)

    return script


def voice_on_a_socket(latency: Latency, espeak: Espeak) -> Script:
    """The script of all that speak over sockets, with the times of the text as it is spoken."""

    async def script(speaking: Speaking) -> None:
        await wait(latency.first_audio_ms)
        pieces = [piece async for piece in espeak.speak(speaking.text, Voice())]
        for piece, said in said_in(pieces, speaking.text):
            await speaking.audio(piece, said)

    return script
