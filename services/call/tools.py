"""Whether and how a tool may be used. Pure."""

from typing import Any

import jsonschema

from contracts.agent import Agent, Tool


def find(agent: Agent, name: str) -> Tool | None:
    """The agent's tool of that name."""
    return next((tool for tool in agent.tools if tool.name == name), None)


def refusal(tool: Tool | None, arguments: dict[str, Any]) -> str | None:
    """Why the tool must not be run with these arguments; never quotes them. None: it may."""
    if tool is None:
        return "no such tool"
    broken = jsonschema.Draft202012Validator(tool.parameters or {"type": "object"})
    first = next(iter(broken.iter_errors(arguments)), None)
    if first is None:
        return None
    return f"{first.json_path} breaks '{first.validator}'"
