"""The recorded callers of the example agent, and what they say."""

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from services.audio.frames import split
from services.audio.wav import from_wav

_VOICES = resources.files("services.cli.example").joinpath("voices")


def spoken(name: str) -> Iterator[bytes]:
    """A recording as frames of 20 ms."""
    return split(from_wav(_VOICES.joinpath(f"{name}.wav").read_bytes()))


def sentences() -> dict[str, str]:
    """What each recording says, by its name."""
    script = _VOICES.joinpath("record.sh").read_text(encoding="utf-8")
    return dict(re.findall(r'^say (\S+) "(.*)"$', script, re.MULTILINE))


def example_file() -> Path:
    """The example agent's file."""
    return Path(str(resources.files("services.cli.example").joinpath("agent.toml")))
