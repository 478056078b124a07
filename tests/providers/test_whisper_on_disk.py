"""faster-whisper in its child process: a model made for the test, run by the real code."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from recorded import AGENT, WORDS, listening, say, words
from vendors.tiny_whisper import make_model

from contracts.agent import Agent, Provider
from services.stt.provider import RecognitionFailed
from services.stt.providers.pipes import pack
from services.stt.providers.whisper import Whisper
from services.stt.providers.whisper_wire import Forget, Transcribe
from services.stt.providers.whisper_worker import Requests


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("whisper"), WORDS)


@pytest.fixture
async def ears(model: Path) -> AsyncIterator[Whisper]:
    made = Whisper(model, threads=1)
    yield made
    await made.close()


async def test_what_the_model_says_of_a_turn_is_its_words(ears: Whisper) -> None:
    async with listening(ears) as ear:
        say(ear)
        say(ear)
        first, second = await words(ear, turns=2)
    assert first == second
    assert (first.text, first.final, first.language) == (WORDS, True, "en-US")
    assert first.confidence > 0.9


async def test_the_loop_runs_while_the_model_computes(ears: Whisper) -> None:
    """With the model stopped, nothing of ours waits for it."""
    ear = await ears.open(AGENT, "en-US")
    os.kill(_pid(ears), signal.SIGSTOP)
    try:
        say(ear)
        final = asyncio.ensure_future(anext(ear.heard()))
        assert not (await asyncio.wait({final}, timeout=0.05))[0]
    finally:
        os.kill(_pid(ears), signal.SIGCONT)
    assert (await final).text == WORDS
    await ear.close()


async def test_a_dead_worker_is_a_failure_and_the_next_ear_has_another(ears: Whisper) -> None:
    ear = await ears.open(AGENT, "en-US")
    dead = _pid(ears)
    os.kill(dead, signal.SIGSTOP)  # so that it can not answer before it dies
    say(ear)
    os.kill(dead, signal.SIGKILL)
    with pytest.raises(RecognitionFailed) as failed:
        await words(ear)
    assert (failed.value.kind, failed.value.retryable) == ("worker ended", True)
    await ear.close()

    ear = await ears.open(AGENT, "en-US")
    assert _pid(ears) != dead
    say(ear)
    assert [heard.text for heard in await words(ear)] == [WORDS]
    await ear.close()


async def test_a_model_that_loads_longer_than_an_ear_waits_is_ready_for_the_next(
    ears: Whisper,
) -> None:
    impatient = asyncio.create_task(ears.open(AGENT, "en-US"))
    await asyncio.sleep(0)  # the worker is being started
    loading = ears._worker
    impatient.cancel()
    await asyncio.wait({impatient})
    assert loading
    assert not loading.done()
    async with listening(ears) as ear:
        assert ears._worker is loading
        say(ear)
        assert [heard.text for heard in await words(ear)] == [WORDS]


async def test_closing_while_the_model_loads_leaves_no_worker(ears: Whisper) -> None:
    opening = asyncio.create_task(ears.open(AGENT, "en-US"))
    await asyncio.sleep(0)
    await ears.close()
    await asyncio.wait({opening})
    assert opening.cancelled()


async def test_the_turns_of_an_ear_that_is_closed_do_not_cost_another_its_words(
    ears: Whisper,
) -> None:
    leaving, staying = await ears.open(AGENT, "en-US"), await ears.open(AGENT, "en-US")
    for _ in range(3):
        say(leaving)
    say(staying)
    await leaving.close()
    assert [heard.text for heard in await words(staying)] == [WORDS]
    await staying.close()


def test_what_was_taken_back_before_its_turn_came_is_not_computed() -> None:
    asked = [Transcribe(number, b"", "en", {}) for number in (1, 2, 3)]
    requests = Requests(BytesIO(b"".join(map(pack, [*asked, Forget(2)]))))
    requests.reading.join()
    assert [request.number for request in requests] == [1, 3]


async def test_options_are_arguments_of_the_model_and_wrong_ones_are_refused(
    ears: Whisper,
) -> None:
    known = Agent(name="c", stt=Provider(provider="whisper", options={"beam_size": 2}))
    wrong = Agent(name="c", stt=Provider(provider="whisper", options={"beams": 2}))
    one, other = await ears.open(known, "en-US"), await ears.open(wrong, "en-US")
    say(one)
    assert [heard.text for heard in await words(one)] == [WORDS]
    say(other)
    with pytest.raises(RecognitionFailed) as failed:
        await words(other)
    assert (failed.value.kind, failed.value.retryable) == ("refused", False)
    await one.close()
    await other.close()


async def test_a_language_the_model_does_not_know_is_refused(ears: Whisper) -> None:
    with pytest.raises(RecognitionFailed) as failed:
        await ears.open(AGENT, "de-DE")
    assert (failed.value.kind, failed.value.retryable) == ("its model has another language", False)


@pytest.mark.parametrize("missing", ["model.bin", "config.json", "tokenizer.json"])
async def test_a_folder_that_lacks_something_is_named_and_nothing_is_downloaded(
    model: Path, tmp_path: Path, missing: str
) -> None:
    _copy(model, tmp_path, without=missing)
    with pytest.raises(RecognitionFailed) as failed:
        await Whisper(tmp_path).open(AGENT, "en-US")
    assert (failed.value.kind, failed.value.retryable) == (f"its folder has no {missing}", False)


async def test_no_folder_at_all_is_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(RecognitionFailed) as failed:
        await Whisper(tmp_path / "nowhere").open(AGENT, "en-US")
    assert failed.value.kind == "its folder has no model.bin"


async def test_a_file_that_is_no_model_is_a_model_that_cannot_be_loaded(
    model: Path, tmp_path: Path
) -> None:
    _copy(model, tmp_path, each_bytes=100)
    with pytest.raises(RecognitionFailed) as failed:
        await Whisper(tmp_path).open(AGENT, "en-US")
    assert failed.value.kind.startswith("its model can't be loaded")
    assert not failed.value.retryable


def _copy(model: Path, to: Path, without: str = "", each_bytes: int | None = None) -> None:
    for file in model.iterdir():
        if file.name != without:
            (to / file.name).write_bytes(file.read_bytes()[:each_bytes])


def _pid(ears: Whisper) -> int:
    assert ears._worker
    return ears._worker.result().pid
