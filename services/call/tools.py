"""Whether and how a tool may be used. Pure."""

from typing import Any, Final

import jsonschema
import referencing
from referencing.exceptions import Unresolvable

from contracts.agent import Agent, Tool

_NOTHING_REMOTE: Final[referencing.Registry[Any]] = referencing.Registry()  # else $ref is fetched


def find(agent: Agent, name: str) -> Tool | None:
    """The agent's tool of that name."""
    return next((tool for tool in agent.tools if tool.name == name), None)


def refusal(tool: Tool | None, arguments: dict[str, Any]) -> str | None:
    """Why the tool must not be run with these arguments; never quotes them. None: it may."""
    if tool is None:
        return "no such tool"
    schema = tool.parameters or {"type": "object"}
    if unusable(schema):
        return "its own parameters are no JSON Schema"
    validator = jsonschema.Draft202012Validator(schema, registry=_NOTHING_REMOTE)
    try:
        first = next(iter(validator.iter_errors(arguments)), None)
    except (Unresolvable, RecursionError):
        return "its own parameters cannot be resolved"
    if first is None:
        return None
    rule = "/".join(str(step) for step in first.absolute_schema_path)  # of the schema alone
    return f"breaks '{rule}'"


def unusable(schema: dict[str, Any]) -> str | None:
    """Why a tool's parameters are no JSON Schema (draft 2020-12). None: they are one."""
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as broken:
        return f"{broken.json_path} breaks '{broken.validator}'"
    return None
