"""The vendors of models refuse what the real ones refuse; else they would prove nothing."""

from typing import Any

import aiohttp
import pytest
from vendors.groq import groq_server
from vendors.ollama import ollama_server
from vendors.openai import openai_server
from vendors.sarvam_chat import sarvam_chat_server
from vendors.serving import KEY

BEARER = {"Authorization": f"Bearer {KEY}"}
HELLO = {"role": "user", "content": "hello"}
CHAT: dict[str, Any] = {"model": "llama-3.1-8b-instant", "messages": [HELLO], "stream": True}
TOOL = {"type": "function", "function": {"name": "book", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({}, {}, 401),
        ({}, {"Authorization": f"Token {KEY}"}, 401),
        ({"model": "gpt-4"}, BEARER, 404),
        ({"messages": []}, BEARER, 400),
        ({"messages": [{"role": "caller", "content": "x"}]}, BEARER, 400),
        ({"messages": [{"role": "user", "content": None}]}, BEARER, 400),
        ({"messages": [{"role": "tool", "content": "1", "tool_call_id": "x"}]}, BEARER, 400),
        ({"temperature": 3}, BEARER, 400),
        ({"tools": []}, BEARER, 400),
        ({"tools": [TOOL | {"type": "tool"}]}, BEARER, 400),
        ({"tools": [TOOL | {"function": {"name": "book", "parameters": {}}}]}, BEARER, 400),
        ({"stream_options": {"include_usage": True}}, BEARER, 400),
        ({"reasoning_format": "raw", "tools": [TOOL]}, BEARER, 400),
    ],
)
async def test_groq_refuses_the_request(
    client: aiohttp.ClientSession, change: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    async with groq_server() as server:
        address = f"{server.url}/openai/v1/chat/completions"
        async with client.post(address, json=CHAT | change, headers=headers) as answer:
            assert (answer.status, len(server.violations)) == (status, 1)
        server.violations.clear()


ASKS = {
    "role": "assistant",
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "book", "arguments": "{}"}}
    ],
}


@pytest.mark.parametrize(
    ("compatible", "change", "headers", "status"),
    [
        (False, {}, {}, 401),
        (False, {}, {"Authorization": f"Token {KEY}"}, 401),
        (False, {"model": "qwen3-8b"}, BEARER, 404),
        (False, {"messages": [HELLO, ASKS]}, BEARER, 400),
        (False, {"messages": [ASKS, HELLO]}, BEARER, 400),
        (
            False,
            {"messages": [{"role": "tool", "content": "1", "tool_call_id": "c1"}]},
            BEARER,
            400,
        ),
        (False, {"stream": False}, BEARER, 400),
        (False, {"stream_options": {"usage": True}}, BEARER, 400),
        (False, {"model": "gpt-5-mini", "temperature": 0.3}, BEARER, 400),
        (False, {"temperature": 0.3, "reasoning_effort": "low"}, BEARER, 400),
        (False, {"model": "o4-mini", "max_tokens": 100}, BEARER, 400),
        (False, {"continue_final_message": True}, BEARER, 400),
        (True, {"model": "qwen3-8b", "continue_final_message": True}, BEARER, 400),
        (True, {}, BEARER, 404),
    ],
)
async def test_openai_refuses_the_request(
    client: aiohttp.ClientSession,
    compatible: bool,
    change: dict[str, Any],
    headers: dict[str, str],
    status: int,
) -> None:
    async with openai_server(compatible=compatible) as server:
        chat = CHAT | {"model": "gpt-5.4-mini"} | change
        address = f"{server.url}/chat/completions"
        async with client.post(address, json=chat, headers=headers) as answer:
            assert (answer.status, len(server.violations)) == (status, 1)
        server.violations.clear()


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({}, {}, 403),
        ({}, {"Authorization": "Bearer sk-wrong"}, 403),
        ({"model": "sarvam-m"}, BEARER, 400),
        ({"stream_options": {"include_usage": True}}, BEARER, 400),
        ({"max_completion_tokens": 100}, BEARER, 400),
        ({"reasoning_effort": "low"}, BEARER, 400),
    ],
)
async def test_sarvam_refuses_the_request(
    client: aiohttp.ClientSession, change: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    async with sarvam_chat_server() as server:
        chat = CHAT | {"model": "sarvam-105b-conversations"} | change
        address = f"{server.url}/v1/chat/completions"
        async with client.post(address, json=chat, headers=headers) as answer:
            assert (answer.status, len(server.violations)) == (status, 1)
        server.violations.clear()


TEXT_ARGUMENTS = {"role": "assistant", "tool_calls": [{"function": {"arguments": "{}"}}]}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"model": "gemma4"}, 404),
        ({"messages": []}, 400),
        ({"messages": [{"role": "caller", "content": "x"}]}, 400),
        ({"messages": [{"role": "tool", "content": "1"}]}, 400),
        ({"messages": [TEXT_ARGUMENTS]}, 400),
        ({"think": True}, 400),
        ({"keep_alive": "half an hour"}, 400),
        ({"options": []}, 400),
    ],
)
async def test_ollama_refuses_the_request(
    client: aiohttp.ClientSession, change: dict[str, Any], status: int
) -> None:
    async with ollama_server() as server:
        chat = CHAT | {"model": "llama3.2"} | change
        async with client.post(f"{server.url}/api/chat", json=chat) as answer:
            assert (answer.status, len(server.violations)) == (status, 1)
        server.violations.clear()
