"""Ollama through its own SDK, against a server that speaks its protocol."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from prompts_of_models import AGENT, SYSTEM, WORDS, prompt
from vendors.ollama import OllamaAnswer, OllamaServer, ollama_server

from contracts.agent import Agent, Provider, Tool
from services.dialog.provider import Delta, ModelError, Prompt, Spoken, ToolCall, Usage
from services.dialog.providers.ollama import Ollama


@pytest.fixture
async def vendor() -> AsyncIterator[OllamaServer]:
    async with ollama_server() as server:
        yield server


async def written(server: OllamaServer, asked: Prompt | None = None) -> list[Any]:
    model = Ollama(server.url)
    try:
        async with asyncio.timeout(5), aclosing(model.write(asked or prompt())) as reply:
            return [piece async for piece in reply]
    finally:
        await model.close()


def choosing(**options: Any) -> Prompt:
    return prompt(Agent(name="clinic", llm=Provider(provider="ollama", options=options)))


async def test_what_ollama_counted_is_the_cost(vendor: OllamaServer) -> None:
    async def script(answer: OllamaAnswer) -> None:
        await answer.text("From ")
        await answer.text("nine.")
        await answer.finish(tokens_in=41, out=5)

    vendor.script = script
    assert await written(vendor) == [
        Delta("From "),
        Delta("nine."),
        Usage(tokens_in=41, tokens_out=5),
    ]


async def test_a_prompt_that_was_cached_has_no_count_and_costs_nothing(
    vendor: OllamaServer,
) -> None:
    async def script(answer: OllamaAnswer) -> None:
        await answer.text("Yes.")
        message = {"role": "assistant", "content": ""}
        await answer.line(message=message, done=True, done_reason="stop", eval_count=5)

    vendor.script = script
    assert (await written(vendor))[-1] == Usage(tokens_in=0, tokens_out=5)


async def test_the_model_stays_loaded_and_does_not_think(vendor: OllamaServer) -> None:
    await written(vendor)
    body = vendor.answers[0].body
    assert (body["model"], body["keep_alive"], body["think"]) == ("llama3.2", "30m", False)
    assert body["options"] == {"temperature": 0.3}


async def test_an_agent_sets_the_models_options_and_how_long_it_stays(
    vendor: OllamaServer,
) -> None:
    await written(vendor, choosing(num_ctx=8192, keep_alive="-1", temperature=0.0))
    body = vendor.answers[0].body
    assert body["keep_alive"] == "-1"
    assert body["options"] == {"num_ctx": 8192, "temperature": 0.0}


async def test_a_tool_that_the_sdk_does_not_take_is_refused_before_it_is_sent(
    vendor: OllamaServer,
) -> None:
    odd = Tool(name="book", description=WORDS, parameters={"properties": {"day": {"type": 5}}})
    with pytest.raises(ModelError) as failed:
        await written(vendor, prompt(Agent(name="clinic", tools=(odd,))))
    assert (failed.value.kind, failed.value.retryable) == ("refused", False)
    assert failed.value.__suppress_context__
    assert vendor.requests == 0


async def test_a_tools_arguments_are_objects_both_ways(vendor: OllamaServer) -> None:
    async def script(answer: OllamaAnswer) -> None:
        await answer.text("One moment.")
        await answer.call("book", {"day": "Friday"})
        await answer.call("hours", {})
        await answer.finish()

    vendor.script = script
    used = Spoken(by="tool", tool="book", arguments={"day": "Tuesday"}, text='{"ok":1}')
    told = prompt(AGENT, Spoken(by="caller", text="Tuesday, please."), used)
    assert (await written(vendor, told))[:-1] == [
        Delta("One moment."),
        ToolCall(name="book", arguments={"day": "Friday"}),
        ToolCall(name="hours", arguments={}),
    ]
    function = {"name": "book", "arguments": {"day": "Tuesday"}}
    assert vendor.answers[0].body["messages"] == [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "Tuesday, please."},
        {"role": "assistant", "tool_calls": [{"function": function}]},
        {"role": "tool", "tool_name": "book", "content": '{"ok":1}'},
    ]


async def test_the_caller_who_interrupts_stops_the_model_before_its_next_token(
    vendor: OllamaServer,
) -> None:
    tokens: list[str] = []

    async def script(answer: OllamaAnswer) -> None:
        for token in ("I ", "could ", "go ", "on "):
            tokens.append(token)
            await answer.text(token)
            await answer.gone()  # the vendor's next token is due when the client has left, or never

    vendor.script = script
    model = Ollama(vendor.url)
    reply = model.write(prompt())
    assert await anext(reply) == Delta("I ")
    await reply.aclose()
    await vendor.answers[0].gone()
    assert tokens == ["I "]
    await model.close()


async def test_a_model_that_was_not_pulled_is_not_worth_a_second_try(
    vendor: OllamaServer,
) -> None:
    llm = Provider(provider="ollama", model="gemma4")
    with pytest.raises(ModelError) as failed:
        await written(vendor, prompt(Agent(name="clinic", llm=llm)))
    assert (failed.value.kind, failed.value.retryable) == ("refused", False)
    vendor.violations.clear()
