"""Phrases of the agent with their variables filled in."""

import re
from collections.abc import Mapping
from typing import Any, Final

_VARIABLE: Final = re.compile(r"\{([A-Za-z0-9_]+)\}")


def fill(template: str, *values: Mapping[str, Any]) -> str:
    """`{name}` replaced by the first of `values` that knows it; by nothing where none does."""

    def value(match: re.Match[str]) -> str:
        return next((str(known[match[1]]) for known in values if match[1] in known), "")

    return _VARIABLE.sub(value, template)


def names(template: str) -> set[str]:
    """The variables a template uses."""
    return set(_VARIABLE.findall(template))
