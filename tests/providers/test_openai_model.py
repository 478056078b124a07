"""OpenAI's SDK against OpenAI's protocol, as OpenAI speaks it, and as vLLM and llama.cpp do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace
from prompts_of_models import AGENT, BOOK, SYSTEM, WORDS, prompt
from vendors.chat import Answer
from vendors.openai import LOCAL_MODEL, OpenAIServer, error, openai_server

from contracts.agent import Agent, Provider
from services.dialog.provider import Delta, ModelError, Prompt, Spoken, ToolCall, Usage
from services.dialog.providers.openai import OpenAI

LOCAL = Agent(name="clinic", llm=Provider(provider="openai", model=LOCAL_MODEL))


@pytest.fixture
async def vendor() -> AsyncIterator[OpenAIServer]:
    async with openai_server() as server:
        yield server


@pytest.fixture
async def local_server() -> AsyncIterator[OpenAIServer]:
    async with openai_server(compatible=True) as server:
        yield server


async def written(server: OpenAIServer, asked: Prompt | None = None) -> list[Any]:
    model = OpenAI(server.key, server.url)
    try:
        async with asyncio.timeout(5), aclosing(model.write(asked or prompt())) as reply:
            return [piece async for piece in reply]
    finally:
        await model.close()


def choosing(model: str = "", **options: Any) -> Prompt:
    """A prompt to an agent without tools."""
    llm = Provider(provider="openai", model=model, options=options)
    return prompt(Agent(name="clinic", llm=llm))


async def test_the_cost_is_asked_for_and_comes_last(vendor: OpenAIServer) -> None:
    async def script(answer: Answer) -> None:
        await answer.chunk({"role": "assistant", "content": ""})
        await answer.text("From nine.")
        await answer.finish(tokens_in=41, out=5)

    vendor.script = script
    assert await written(vendor) == [Delta("From nine."), Usage(tokens_in=41, tokens_out=5)]
    body = vendor.answers[0].body
    assert body["stream_options"] == {"include_usage": True}
    assert (body["model"], body["temperature"]) == ("gpt-5.4-mini", 0.3)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["book", "hours"]


async def test_the_caller_who_interrupts_stops_the_model_before_its_next_token(
    vendor: OpenAIServer,
) -> None:
    tokens: list[str] = []

    async def script(answer: Answer) -> None:
        for token in ("I ", "could ", "go ", "on "):
            tokens.append(token)
            await answer.text(token)
            await answer.gone()  # the vendor's next token is due when the client has left, or never

    vendor.script = script
    model = OpenAI(vendor.key, vendor.url)
    reply = model.write(prompt())
    assert await anext(reply) == Delta("I ")
    await reply.aclose()
    await vendor.answers[0].gone()
    assert tokens == ["I "]
    await model.close()


async def test_several_tools_asked_for_at_once_are_kept_apart(vendor: OpenAIServer) -> None:
    async def script(answer: Answer) -> None:
        await answer.tool(0, name="book", arguments='{"day": ')
        await answer.tool(1, name="hours", arguments="")
        await answer.tool(0, arguments='"Friday"}')
        await answer.finish("tool_calls")

    vendor.script = script
    assert await written(vendor) == [
        ToolCall(name="book", arguments={"day": "Friday"}),
        ToolCall(name="hours", arguments={}),
        Usage(tokens_in=30, tokens_out=7),
    ]


@pytest.mark.parametrize("arguments", ['{"day": "' + WORDS, '["' + WORDS + '"]'])
async def test_arguments_that_are_no_object_are_no_tool_call(
    vendor: OpenAIServer, arguments: str
) -> None:
    async def script(answer: Answer) -> None:
        await answer.tool(0, name="book", arguments=arguments)
        await answer.finish("tool_calls")

    vendor.script = script
    with pytest.raises(ModelError) as failed:
        await written(vendor)
    assert (failed.value.kind, failed.value.retryable) == ("tool_arguments", True)


async def test_the_conversation_is_told_with_its_tools_and_their_results(
    vendor: OpenAIServer,
) -> None:
    used = Spoken(
        by="tool", tool="book", invocation="i7", arguments={"day": "Tuesday"}, text='{"ok":1}'
    )
    told = prompt(AGENT, Spoken(by="agent", text="Hello."), Spoken(by="caller", text="Hi."), used)
    await written(vendor, told)
    function = {"name": "book", "arguments": '{"day":"Tuesday"}'}
    assert vendor.answers[0].body["messages"] == [
        {"role": "system", "content": SYSTEM},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Hi."},
        {
            "role": "assistant",
            "tool_calls": [{"id": "i7", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "i7", "content": '{"ok":1}'},
    ]


@pytest.mark.parametrize(
    ("asked", "temperature"),
    [
        (choosing(), 0.3),
        (choosing("gpt-4.1"), 0.3),
        (choosing("gpt-5.4-mini", reasoning_effort="low"), None),
        (choosing("gpt-5-mini"), None),
        (choosing("gpt-6-luna"), None),
        (choosing("o4-mini", reasoning_effort="low"), None),
    ],
)
async def test_a_model_that_reasons_is_given_no_temperature(
    vendor: OpenAIServer, asked: Prompt, temperature: float | None
) -> None:
    await written(vendor, asked)
    assert vendor.answers[0].body.get("temperature") == temperature


async def test_openai_is_not_told_what_was_begun_for_it_would_not_go_on(
    vendor: OpenAIServer,
) -> None:
    await written(vendor, prompt(begun="We are open"))
    assert vendor.answers[0].body["messages"][-1] == {"role": "user", "content": WORDS}


async def test_a_server_that_takes_it_goes_on_from_what_was_begun(
    local_server: OpenAIServer,
) -> None:
    llm = replace(LOCAL.llm, options={"prefill": True, "top_k": 20})
    await written(local_server, prompt(replace(LOCAL, llm=llm), begun="We are open"))
    body = local_server.answers[0].body
    assert body["messages"][-1] == {"role": "assistant", "content": "We are open"}
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert (body["top_k"], "prefill" in body) == (20, False)


async def test_with_nothing_begun_such_a_server_begins(local_server: OpenAIServer) -> None:
    llm = replace(LOCAL.llm, options={"prefill": True})
    await written(local_server, prompt(replace(LOCAL, llm=llm, tools=(BOOK,))))
    assert "continue_final_message" not in local_server.answers[0].body


async def test_a_model_that_says_no_is_heard(vendor: OpenAIServer) -> None:
    async def script(answer: Answer) -> None:
        await answer.chunk({"refusal": "I cannot help with that."})
        await answer.finish()

    vendor.script = script
    assert (await written(vendor))[0] == Delta("I cannot help with that.")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "content_filter", "filtered"),
        (400, "invalid_request_error", "refused"),
        (402, "insufficient_credit", "quota"),
        (403, "unsupported_country_region_territory", "unauthorized"),
        (404, "model_not_found", "refused"),
        (408, "request_timeout", "timeout"),
        (429, "insufficient_quota", "quota"),
        (429, "project_spend_limit_exceeded", "quota"),
        (429, "slow_down", "rate_limited"),
    ],
)
async def test_a_refusal_is_told_by_its_code(
    vendor: OpenAIServer, status: int, code: str, kind: str
) -> None:
    vendor.refusal = error(status, code)
    with pytest.raises(ModelError) as failed:
        await written(vendor)
    assert failed.value.kind == kind
