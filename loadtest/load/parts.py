"""Whose time a call stack is, by `parts.toml`. Pure.

The stacks are py-spy's raw ones, a line each: `outer (file);inner (file) COUNT`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec

PARTS: Final = Path(__file__).with_name("parts.toml")
REST: Final = "the rest"

Of = Literal["frame", "append", "both"]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the work."""

    name: str
    of: Of  # what it is done for
    code: tuple[str, ...] = ()  # beginnings of "path:function"
    top: tuple[str, ...] = ()  # the same, of the innermost frame where no frame is in any `code`


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    parts: tuple[Part, ...]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """How often each part was seen at work."""

    samples: Counter[str]  # by part
    rest: Counter[str]  # of the rest, by innermost frame


@cache
def parts() -> tuple[Part, ...]:
    """All of them, and last the rest."""
    known = msgspec.toml.decode(PARTS.read_bytes(), type=_File).parts
    return (*known, Part(name=REST, of="both"))


def attributed(raw: str) -> Found:
    """`raw`: all that py-spy wrote, functions without line numbers."""
    samples, rest = Counter[str](), Counter[str]()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = list(_inside_out(stack))
        part = part_of(frames)
        samples[part] += int(count)
        if part == REST:
            rest[frames[0]] += int(count)
    return Found(samples=samples, rest=rest)


def part_of(frames: Sequence[str]) -> str:
    """The part's name. `frames`: "path:function", from the innermost outwards; at least one."""
    code, top = _rules()
    named = (part for frame in frames if (part := _longest(code, frame)))
    return next(named, "") or _longest(top, frames[0]) or REST


def _inside_out(stack: str) -> Iterator[str]:
    for frame in reversed(stack.split(";")):
        function, _, path = frame.rpartition(" (")
        yield f"{path.rstrip(')')}:{function}"


def _longest(rules: dict[str, str], frame: str) -> str:
    matching = [beginning for beginning in rules if frame.startswith(beginning)]
    return rules[max(matching, key=len)] if matching else ""


@cache
def _rules() -> tuple[dict[str, str], dict[str, str]]:
    code = {beginning: part.name for part in parts() for beginning in part.code}
    return code, {beginning: part.name for part in parts() for beginning in part.top}
