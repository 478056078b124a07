"""The embedded recogniser on the example agent's recorded callers."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable

import pytest
from eventually import eventually
from stt_voices import example_file, sentences, spoken

from contracts.agent import Agent, Intent
from services.cli.agent_file import read_agent
from services.stt.provider import Heard, RecognitionFailed
from services.stt.providers.pocketsphinx import PocketSphinx, PocketSphinxEar

MISTAKEN = {"book-thursday-four"}  # friday for thursday, in this one voice
PARENT = """
import asyncio
from contracts.agent import Agent, Intent
from services.stt.providers.pocketsphinx import PocketSphinx

async def main():
    ears = PocketSphinx(processes=1)
    ear = await ears.open(
        Agent(name="a", intents=(Intent(name="i", kind="hello", phrases=("hello",)),)), "en-US"
    )
    print(ear._worker.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def ears() -> AsyncIterator[PocketSphinx]:
    made = PocketSphinx(processes=1)
    yield made
    await made.close()


def agent_of(*phrases: str) -> Agent:
    return Agent(name="a", intents=(Intent(name="i", kind="question", phrases=phrases),))


async def turn(ear: PocketSphinxEar, frames: Iterable[bytes]) -> Heard:
    for frame in frames:
        ear.feed(frame)
    ear.finish()
    async with asyncio.timeout(20):
        return await anext(ear.heard())


async def test_the_example_agents_callers_are_understood_word_for_word(ears: PocketSphinx) -> None:
    agent = read_agent(example_file())
    said = {phrase for intent in agent.intents for phrase in intent.phrases}
    ear = await ears.open(agent, "en-US")
    wrong = set()
    for name, sentence in sentences().items():
        heard = await turn(ear, spoken(name))
        of_grammar = sentence in said or name.startswith(("book-tuesday", "book-thursday"))
        if of_grammar and (heard.text != sentence or heard.confidence < 0.3):
            wrong.add(name)
    await ear.close()
    assert wrong <= MISTAKEN


async def test_what_the_grammar_does_not_hold_is_doubted(ears: PocketSphinx) -> None:
    ear = await ears.open(agent_of("no thank you", "tell me about parking", "good bye"), "en-US")
    doubted = [await turn(ear, spoken(name)) for name in ("tooth-pain", "person", "cancel")]
    await ear.close()
    assert [heard.text for heard in doubted if heard.confidence >= 0.3] == []


async def test_an_agent_without_phrases_gets_dictation(ears: PocketSphinx) -> None:
    ear = await ears.open(Agent(name="a"), "en-US")
    heard = await turn(ear, spoken("decline"))
    await ear.close()
    assert heard.final
    assert heard.text != ""


async def test_more_turns_at_once_than_decoders_are_all_understood(ears: PocketSphinx) -> None:
    agent = agent_of("no thank you")
    all_ears = [await ears.open(agent, "en-US") for _ in range(20)]
    for frame in spoken("decline"):
        for ear in all_ears:
            ear.feed(frame)
    for ear in all_ears:
        ear.finish()
    async with asyncio.timeout(30):
        heard = [await anext(ear.heard()) for ear in all_ears]
    assert {words.text for words in heard} == {"no thank you"}


async def test_a_worker_that_dies_is_said_to_be_worth_another_try(ears: PocketSphinx) -> None:
    ear = await ears.open(agent_of("no thank you"), "en-US")
    os.kill(ear._worker.pid, 9)
    with pytest.raises(RecognitionFailed) as failed:
        await turn(ear, ())
    assert failed.value.retryable
    again = await ears.open(agent_of("no thank you"), "en-US")
    assert (await turn(again, spoken("decline"))).text == "no thank you"


async def test_a_language_other_than_english_is_refused(ears: PocketSphinx) -> None:
    with pytest.raises(RecognitionFailed, match="English") as failed:
        await ears.open(agent_of("ja bitte"), "de-DE")
    assert not failed.value.retryable


def test_a_worker_ends_with_its_parent_however_that_ends() -> None:
    parent = subprocess.Popen((sys.executable, "-c", PARENT), stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as out:
        worker = int(out.readline())
    parent.kill()
    parent.wait()
    eventually(lambda: _gone(worker))


def _gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
