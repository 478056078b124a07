"""A worker that is killed: its sentence is spoken by the next, and recorded once."""

import asyncio
import sys
from pathlib import Path

import pytest
from exchange import TENANT, Exchange, sentence

from contracts.synthesis import SentenceSynthesized
from services.tts.providers.tone import Tone

pytestmark = pytest.mark.stack
ROOT = Path(__file__).parents[2]


async def test_a_killed_worker_s_sentence_is_spoken_by_the_next(exchange: Exchange) -> None:
    worker = await _worker_that_never_finishes(exchange.url)
    await exchange.write(sentence())
    await exchange.heard(1)
    worker.kill()
    await worker.wait()
    async with exchange.worker({"tone": Tone()}):
        (spoken,) = await exchange.outcomes(1)
        await exchange.settled()
    assert isinstance(spoken, SentenceSynthesized)


async def test_a_sentence_delivered_twice_has_one_outcome(exchange: Exchange) -> None:
    """The first worker spoke it and died before it could acknowledge."""
    async with exchange.worker({"tone": Tone()}):
        written = sentence()
        await exchange.write(written)
        await exchange.outcomes(1)
        await exchange.write(written)  # the same sentence once more
        await exchange.settled()
        outcomes = await exchange.outcomes(1)
    assert len(outcomes) == 1
    assert sum(c.last for c in exchange.chunks) == 2


async def _worker_that_never_finishes(url: str) -> asyncio.subprocess.Process:
    program = Path(__file__).with_name("worker_that_never_finishes.py")
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, str(program), url, TENANT),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": f"{ROOT}:{program.parent}"},
    )
    assert worker.stdout is not None
    assert await worker.stdout.readline() == b"ready\n"
    return worker
