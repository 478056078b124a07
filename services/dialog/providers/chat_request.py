"""A prompt in the form of chat completions: OpenAI's, which others speak too.

protocol  https://platform.openai.com/docs/api-reference/chat/create
"""

from typing import Any

import msgspec

from contracts.agent import Agent
from services.dialog.provider import Prompt, Spoken

Message = dict[str, Any]


def request(prompt: Prompt, model: str, goes_on: list[Message]) -> dict[str, Any]:
    """The body of a request for a stream, with the agent's own options.

    `goes_on`: `begun`, where the server goes on from it. The SDKs take it by their `post`, as it
    is, and give each chunk as a dict: their typed `create` costs 70 microseconds a token more.
    """
    body = {"model": model, "messages": messages(prompt) + goes_on, "stream": True}
    if prompt.agent.tools:
        body["tools"] = tools(prompt.agent)
    return body | prompt.agent.llm.options


def messages(prompt: Prompt) -> list[Message]:
    """The system's message and the conversation; not what was `begun`."""
    told: list[Message] = [{"role": "system", "content": prompt.system}]
    for place, spoken in enumerate(prompt.history):
        told += _said(spoken, spoken.invocation or f"call_{place}")
    return told


def begun(prompt: Prompt) -> list[Message]:
    """The reply as far as it was written, last of all, for a server that goes on from it."""
    return [{"role": "assistant", "content": prompt.begun}] if prompt.begun else []


def tools(agent: Agent) -> list[dict[str, Any]]:
    """What the agent can do, each as a function with the schema of its arguments."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters or {"type": "object", "properties": {}},
            },
        }
        for tool in agent.tools
    ]


def _said(spoken: Spoken, invocation: str) -> list[Message]:
    match spoken.by:
        case "caller":
            return [{"role": "user", "content": spoken.text}]
        case "agent":
            return [{"role": "assistant", "content": spoken.text}]
        case "tool":
            return _used(spoken, invocation)


def _used(spoken: Spoken, invocation: str) -> list[Message]:
    """A tool's use is two messages: the model asks, the tool answers under the same id."""
    arguments = msgspec.json.encode(spoken.arguments).decode()
    function = {"name": spoken.tool, "arguments": arguments}
    return [
        {
            "role": "assistant",
            "tool_calls": [{"id": invocation, "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": invocation, "content": spoken.text},
    ]
