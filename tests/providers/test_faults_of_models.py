"""How every vendor's language model can fail, and what the dialog is told of it."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace
from prompts_of_models import WORDS, prompt
from vendors.models import SERVED
from vendors.serving import KEY, Refusal, another_host
from vendors.strict import StreamingVendor

from contracts.agent import Agent, Limits
from infra.outside import OutsideFailed
from services.dialog.provider import LanguageModel, ModelError, Prompt

Script = Callable[[Any], Awaitable[None]]
NOBODY = "http://127.0.0.1:9"


class House(NamedTuple):
    """An adapter, and its vendor."""

    model: LanguageModel
    vendor: StreamingVendor[Any]


@pytest.fixture(params=sorted(SERVED))
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    served = SERVED[request.param]
    async with served.serve() as vendor:
        model = served.model(vendor.key, vendor.url)
        yield House(model, vendor)
        await model.close()


@pytest.mark.parametrize(
    ("kind", "retryable", "wait_s"),
    [
        ("unauthorized", False, None),
        ("quota", False, None),
        ("rate_limited", True, 2.0),
        ("unavailable", True, None),
    ],
)
async def test_a_refusal_says_what_it_is_and_when_to_come_back(
    house: House, kind: str, retryable: bool, wait_s: float | None
) -> None:
    house.vendor.refusal = SERVED[house.model.name].refusals[kind]
    failed = await failure(house.model)
    assert told(failed) == (kind, retryable)
    assert failed.retry_after_s == wait_s
    assert house.vendor.requests == 1, "nothing is tried twice in secret"


@pytest.mark.parametrize(
    ("refusal", "kind", "retryable"),
    [
        (Refusal(502, b"<html>bad gateway</html>"), "unavailable", True),
        (Refusal(400, b"\xff\xfe not text"), "refused", False),
        (Refusal(429, ["no", "object"]), "rate_limited", True),
    ],
)
async def test_a_refusal_that_is_worded_by_something_else_is_told_by_its_status(
    house: House, refusal: Refusal, kind: str, retryable: bool
) -> None:
    house.vendor.refusal = refusal
    assert told(await failure(house.model)) == (kind, retryable)


async def cut(answer: Any) -> None:
    await answer.text("We are ")
    answer.break_off()


async def end_too_early(answer: Any) -> None:
    await answer.text("We are ")


async def write_nonsense(answer: Any) -> None:
    await answer.nonsense(WORDS)


async def write_a_list(answer: Any) -> None:
    await answer.nonsense(f'["{WORDS}"]')


async def write_no_text(answer: Any) -> None:
    await answer.raw(b"data: \xff\xfe\n\n")


async def give_up(answer: Any) -> None:
    await answer.text("We are ")
    await answer.fail(WORDS)


async def withhold(answer: Any) -> None:
    await answer.text("We are ")
    await answer.finish("content_filter")


async def have_no_room(answer: Any) -> None:
    await answer.think(WORDS)
    await answer.finish("length")


@pytest.mark.parametrize(
    ("script", "kind", "retryable"),
    [
        (cut, "disconnected", True),
        (end_too_early, "disconnected", True),
        (write_nonsense, "garbled", True),
        (write_a_list, "garbled", True),
        (write_no_text, "garbled", True),
        (give_up, "interrupted", True),
        (withhold, "filtered", False),
        (have_no_room, "length", False),
    ],
)
async def test_a_failure_amid_the_reply_says_what_it_is(
    house: House, script: Script, kind: str, retryable: bool
) -> None:
    house.vendor.script = script
    assert told(await failure(house.model)) == (kind, retryable)


async def stall(answer: Any) -> None:
    await answer.text("I could go on ")
    await answer.gone()


async def say_nothing(answer: Any) -> None:
    await answer.gone()


@pytest.mark.parametrize("script", [stall, say_nothing])
async def test_a_vendor_that_stalls_is_left_in_the_agents_time(
    house: House, script: Script
) -> None:
    house.vendor.script = script
    hasty = replace(prompt(), agent=Agent(name="clinic", limits=Limits(model_ms=100)))
    assert told(await failure(house.model, hasty)) == ("timeout", True)
    for answer in house.vendor.answers:  # none, where the request came after the time was up
        await answer.gone()


@pytest.mark.parametrize("name", sorted(SERVED))
async def test_a_server_that_takes_the_request_and_never_answers_is_left(name: str) -> None:
    served, left = SERVED[name], asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        left.set()
        writer.close()

    hasty = replace(prompt(), agent=Agent(name="clinic", limits=Limits(model_ms=100)))
    async with await asyncio.start_server(listen, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        model = served.model(KEY, f"http://127.0.0.1:{port}{served.base}")
        assert told(await failure(model, hasty)) == ("timeout", True)
        async with asyncio.timeout(5):
            await left.wait()
        await model.close()


async def test_a_redirect_does_not_carry_words_or_key_elsewhere(house: House) -> None:
    async with another_host() as (elsewhere, came):
        house.vendor.refusal = Refusal(307, {}, {"Location": f"http://{elsewhere}/"})
        assert told(await failure(house.model)) == ("refused", False)
    assert not came


@pytest.mark.parametrize("name", sorted(SERVED))
async def test_nobody_at_the_address_may_be_better_later(name: str) -> None:
    served = SERVED[name]
    model = served.model(KEY, NOBODY + served.base)
    assert told(await failure(model)) == ("unreachable", True)
    await model.close()


async def test_the_log_keeps_neither_words_nor_key_even_at_debug(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    house.vendor.refusal = SERVED[house.model.name].refusals["rate_limited"]
    await failure(house.model)
    house.vendor.refusal = None
    await read_all(house.model, prompt())
    assert house.vendor.answers[0].body["messages"][-1]["content"] == WORDS
    assert WORDS not in caplog.text
    assert KEY not in caplog.text
    assert KEY not in repr(vars(house.model))


async def failure(model: LanguageModel, asked: Prompt | None = None) -> OutsideFailed:
    """Of a reply that fails; nothing of what was said or of the key is in what a log would show."""
    with pytest.raises(ModelError) as failed:
        await read_all(model, asked or prompt())
    assert failed.value.provider == model.name
    shown = "".join(traceback.format_exception(failed.value))
    assert WORDS not in shown
    assert KEY not in shown
    return failed.value


async def read_all(model: LanguageModel, asked: Prompt) -> None:
    reply: Any = model.write(asked)
    async with asyncio.timeout(5), aclosing(reply) as pieces:
        async for _ in pieces:
            pass


def told(failed: OutsideFailed) -> tuple[str, bool]:
    return failed.kind, failed.retryable
