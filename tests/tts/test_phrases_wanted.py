"""Phrases said for whoever asks, outside any call."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from eventually import eventually_async
from exchange import TENANT, Exchange
from voices import Failing, Held, Reciting, recited

from contracts.codec import encode
from contracts.dialog import FallbackVoice, Voice
from contracts.phrase import PhraseWanted
from contracts.streams import phrase_subject
from services.audio.frames import SILENT_FRAME

WORDS = "One moment, please."


async def _ask(exchange: Exchange, voice: Voice) -> bytes:
    wanted = encode(PhraseWanted(text=WORDS, voice=voice))
    reply = await exchange.bus.nc.request(phrase_subject(TENANT), wanted, timeout=10)
    return reply.data


async def test_a_phrase_comes_whole_and_is_synthesised_once(exchange: Exchange) -> None:
    reciting = Reciting(700)
    async with exchange.worker({"reciting": reciting}):
        voice = Voice(provider="reciting")
        assert await _ask(exchange, voice) == await _ask(exchange, voice) == recited(WORDS)
    assert reciting.asked == [WORDS]


async def test_a_phrase_is_said_by_the_fallback_when_the_first_voice_fails(
    exchange: Exchange,
) -> None:
    voices = {"failing": Failing(9, after_audio=True), "reciting": Reciting(700)}
    async with exchange.worker(voices):
        voice = Voice(provider="failing", fallbacks=(FallbackVoice(provider="reciting"),))
        assert await _ask(exchange, voice) == recited(WORDS)


async def test_a_voice_that_breaks_in_its_own_way_has_a_fallback_too(exchange: Exchange) -> None:
    class Broken(Failing):
        async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
            yield SILENT_FRAME
            raise ZeroDivisionError

    async with exchange.worker({"broken": Broken(0), "reciting": Reciting(700)}):
        voice = Voice(provider="broken", fallbacks=(FallbackVoice(provider="reciting"),))
        assert await _ask(exchange, voice) == recited(WORDS)


async def test_a_phrase_that_no_voice_can_say_is_answered_with_nothing(exchange: Exchange) -> None:
    async with exchange.worker({"failing": Failing(9)}):
        assert await _ask(exchange, Voice(provider="failing")) == b""
        assert await _ask(exchange, Voice(provider="nobody")) == b""


async def test_a_request_that_nobody_can_read_harms_no_other(exchange: Exchange) -> None:
    async with exchange.worker({"reciting": Reciting(700)}):
        await exchange.bus.nc.publish(phrase_subject(TENANT), b"\xff{", reply="nobody")
        assert await _ask(exchange, Voice(provider="reciting")) == recited(WORDS)


def _begun(held: Held) -> Callable[[], Awaitable[bool]]:
    async def begun() -> bool:
        return bool(held.asked)

    return begun


async def test_a_worker_that_stops_lets_go_of_a_phrase_under_way(exchange: Exchange) -> None:
    held = Held()
    async with exchange.worker({"held": held}):
        asking = asyncio.create_task(_ask(exchange, Voice(provider="held")))
        await eventually_async(_begun(held))
    assert held.stopped == 1
    asking.cancel()
