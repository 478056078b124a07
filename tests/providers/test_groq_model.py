"""Groq through its own SDK, against a server that speaks its protocol."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from eventually import eventually_async
from prompts_of_models import DAY, WORDS, prompt
from vendors.chat import Answer
from vendors.groq import GroqServer, error
from vendors.serving import Refusal

from contracts.agent import Agent, Provider
from services.dialog.provider import Delta, ModelError, Prompt, Usage
from services.dialog.providers.groq import Groq


@asynccontextmanager
async def model(server: GroqServer, key: str = "") -> AsyncIterator[Groq]:
    groq = Groq(key or server.key, server.url)
    try:
        yield groq
    finally:
        await groq.close()


async def written(server: GroqServer, asked: Prompt | None = None) -> list[Any]:
    async with (
        model(server) as groq,
        asyncio.timeout(5),
        aclosing(groq.write(asked or prompt())) as reply,
    ):
        return [piece async for piece in reply]


async def failure(server: GroqServer, asked: Prompt | None = None) -> ModelError:
    with pytest.raises(ModelError) as failed:
        await written(server, asked)
    return failed.value


async def test_text_comes_while_it_is_written_and_the_cost_comes_last(
    groq_server: GroqServer,
) -> None:
    first_piece_came = asyncio.Event()

    async def script(answer: Answer) -> None:
        await answer.chunk({"role": "assistant", "content": ""})
        await answer.text("We are open ")
        await first_piece_came.wait()
        await answer.text("from nine.")
        await answer.finish(tokens_in=41, out=5)

    groq_server.script = script
    async with (
        model(groq_server) as groq,
        asyncio.timeout(5),
        aclosing(groq.write(prompt())) as reply,
    ):
        assert await anext(reply) == Delta("We are open ")
        first_piece_came.set()
        assert [piece async for piece in reply] == [
            Delta("from nine."),
            Usage(tokens_in=41, tokens_out=5),
        ]


async def test_the_agents_tools_are_offered_with_their_schemas(groq_server: GroqServer) -> None:
    await written(groq_server)
    body = groq_server.answers[0].body
    assert [tool["function"]["parameters"] for tool in body["tools"]] == [
        DAY,
        {"type": "object", "properties": {}},
    ]
    assert (body["model"], body["temperature"]) == ("llama-3.3-70b-versatile", 0.3)


async def test_an_agent_without_tools_offers_none_and_may_choose_its_model(
    groq_server: GroqServer,
) -> None:
    options = {"max_completion_tokens": 120}
    llm = Provider(provider="groq", model="openai/gpt-oss-20b", temperature=0.7, options=options)
    await written(groq_server, prompt(Agent(name="clinic", llm=llm)))
    body = groq_server.answers[0].body
    assert "tools" not in body
    assert (body["model"], body["temperature"]) == ("openai/gpt-oss-20b", 0.7)
    assert body["max_completion_tokens"] == 120


async def endless(answer: Answer) -> None:
    await answer.text("I could go on ")
    await answer.gone()


async def test_a_caller_who_interrupts_stops_the_model_at_once(groq_server: GroqServer) -> None:
    groq_server.script = endless
    async with model(groq_server) as groq:
        reply = groq.write(prompt())
        assert await anext(reply) == Delta("I could go on ")
        await reply.aclose()
        await groq_server.answers[0].gone()


async def test_a_cancelled_reply_stops_the_model_at_once(groq_server: GroqServer) -> None:
    groq_server.script = endless
    async with model(groq_server) as groq:
        reading = asyncio.create_task(_read_all(groq.write(prompt())))
        await eventually_async(_asked(groq_server))
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await groq_server.answers[0].gone()


TOO_MUCH = error(429, "rate_limit_exceeded", **{"Retry-After": "30"})


@pytest.mark.parametrize(
    ("refusal", "kind", "retryable"),
    [
        (error(400, "invalid_request"), "refused", False),
        (error(400, "tool_use_failed"), "tool_use_failed", True),
        (error(401, "invalid_api_key"), "unauthorized", False),
        (error(403, "permissions_error"), "unauthorized", False),
        (error(404, "model_not_found"), "refused", False),
        (error(413, "request_too_large"), "refused", False),
        (error(422, "unprocessable"), "refused", False),
        (TOO_MUCH, "rate_limited", True),
        (error(498, "capacity_exceeded"), "rate_limited", True),
        (error(500, "internal"), "unavailable", True),
        (error(503, "over_capacity"), "unavailable", True),
    ],
)
async def test_a_refusal_says_what_it_is_and_nothing_is_tried_twice_in_secret(
    groq_server: GroqServer, refusal: Refusal, kind: str, retryable: bool
) -> None:
    groq_server.refusal = refusal
    _expect(await failure(groq_server), kind, retryable, groq_server.key)
    assert groq_server.requests == 1


async def error_field(answer: Answer) -> None:
    await answer.event({"error": {"message": WORDS}})


async def vendor_error(answer: Answer) -> None:
    await answer.chunk({"content": ""}, x_groq={"id": "r", "error": WORDS})


async def no_chunk(answer: Answer) -> None:
    await answer.event({"choices": [WORDS]})


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (error_field, "interrupted"),
        (vendor_error, "interrupted"),
        (no_chunk, "garbled"),
    ],
)
async def test_a_failure_amid_the_reply_says_what_it_is(
    groq_server: GroqServer, script: Callable[[Answer], Awaitable[None]], kind: str
) -> None:
    groq_server.script = script
    _expect(await failure(groq_server), kind, True, groq_server.key)


async def test_a_wrong_key_is_not_worth_a_second_try(groq_server: GroqServer) -> None:
    async with model(groq_server, key="sk-wrong") as groq:
        with pytest.raises(ModelError) as failed:
            await anext(groq.write(prompt()))
    _expect(failed.value, "unauthorized", False, "sk-wrong")
    groq_server.violations.clear()


def _asked(server: GroqServer) -> Callable[[], Awaitable[bool]]:
    async def asked() -> bool:
        return bool(server.answers)

    return asked


async def _read_all(reply: AsyncIterator[Any]) -> None:
    async for _ in reply:
        pass


def _expect(failed: ModelError, kind: str, retryable: bool, key: str) -> None:
    assert (failed.provider, failed.kind, failed.retryable) == ("groq", kind, retryable)
    assert failed.__suppress_context__ or failed.__context__ is None
    assert WORDS not in str(failed)
    assert key not in str(failed)
