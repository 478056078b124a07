"""Whoever only asks what there is does not wait for what a call needs."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

SLOW = {  # each takes longer to import than all of the program's own
    "aiohttp", "asyncio", "asyncpg", "cartesia", "deepgram", "elevenlabs", "faster_whisper",
    "faststream", "groq", "httpx", "httpx2", "jsonschema", "nats", "numpy", "ollama", "openai",
    "opentelemetry.sdk", "piper", "pyarrow", "qdrant_client", "rich.markdown", "sarvamai", "soxr",
    "twilio", "uvloop", "websockets",
}  # fmt: skip
ASK = """
import sys
from services.cli import main
sys.argv = ["partyline", *sys.argv[1:]]
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("asked", [(), ("up",), ("calls", "show")], ids=" ".join)
def test_help_imports_nothing_that_takes_long(asked: tuple[str, ...]) -> None:
    program = subprocess.run(
        [sys.executable, "-c", ASK, *asked, "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage: partyline" in program.stdout
    imported = program.stderr.split()
    assert "services.cli.program" in imported
    assert not SLOW & set(imported)


def test_what_takes_long_is_called_so() -> None:
    """A name that nothing is imported by would never be found."""
    assert all(map(find_spec, SLOW))
