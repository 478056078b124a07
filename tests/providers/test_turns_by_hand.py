"""The vendors to telephone with: those that end turns know a caller's sentence, and its end."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from vendors.by_hand import turns
from vendors.by_hand.hearing import VOICES, known
from vendors.by_hand.latency import PUBLISHED
from vendors.cartesia import cartesia_server
from vendors.deepgram_flux import flux_server

from contracts.agent import Agent, Provider
from services.audio.frames import SILENT_FRAME, split
from services.audio.wav import read_wav
from services.stt.provider import Ear, Heard, SpeechToText
from services.stt.providers.cartesia import Cartesia
from services.stt.providers.deepgram_flux import DeepgramFlux

PAUSE = 20  # frames, longer than the vendors take to be sure
SCRIPTS: list[Any] = [
    (flux_server, turns.flux, DeepgramFlux, {"eager_eot_threshold": 0.5}),
    (cartesia_server, turns.ink, Cartesia, {"turn_eager_end_threshold": 0.4}),
]


def say(ear: Ear, name: str) -> None:
    for frame in [*split(read_wav(VOICES / f"{name}.wav")), *[SILENT_FRAME] * PAUSE]:
        ear.feed(frame)


async def turn_of(ear: Ear) -> list[Heard]:
    heard: list[Heard] = []
    async with asyncio.timeout(5):
        async for piece in ear.heard():
            heard.append(piece)
            if piece.final:
                break
    return heard


@pytest.mark.parametrize(
    ("server", "script", "make", "options"), SCRIPTS, ids=["deepgram-flux", "cartesia"]
)
async def test_recorded_callers_are_understood_turn_by_turn(
    server: Callable[[], AbstractAsyncContextManager[Any]],
    script: Callable[..., Any],
    make: Callable[[str, str], SpeechToText],
    options: dict[str, float],
) -> None:
    agent = Agent(name="a", stt=Provider(provider="any", options=options))
    async with server() as vendor:
        vendor.script = script(known(), PUBLISHED)
        ears = make(vendor.key, vendor.url)
        ear = await ears.open(agent, "en-US")
        said = []
        for name in ("decline", "confirm"):
            say(ear, name)
            *drafts, final = await turn_of(ear)
            said.append(final.text.rstrip(".").lower())
            assert drafts[0].text
            assert [d.text for d in drafts if d.eager][-1:] in ([], [final.text])
        await ear.close()
        await ears.close()
    assert said == ["no thank you", "yes please book it"]
