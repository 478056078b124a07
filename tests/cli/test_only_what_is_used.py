"""A process imports the vendors' packages that its settings ask for, and no others."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

VENDORS = {
    "cartesia", "deepgram", "elevenlabs", "fastembed", "faster_whisper", "groq", "huggingface_hub",
    "ollama", "onnxruntime", "openai", "opentelemetry.exporter", "opentelemetry.sdk", "piper",
    "pyarrow", "sarvamai", "twilio.rest",
}  # fmt: skip
OF_OTHER_ROLES = {"faststream", "markdown_it", "projections", "qdrant_client", "soxr", "zstandard"}
START = """
import asyncio, sys
from pathlib import Path
import services.cli.demo
from infra.outside import Offered
from services.cli.knowing import open_store
from services.cli.roles import ROLES, import_ahead
from services.cli.settings import from_environment
from services.dialog.providers import OFFERED as models
from services.stt.providers import OFFERED as ears
from services.tts.providers import OFFERED as voices

async def start(folder, environment):
    import_ahead(ROLES)
    settings = from_environment({}, environment)
    for offers in (ears, models, voices):
        offered = Offered(offers, settings.provider_keys())
        offered.make_all()
        await offered.close()
    await (await open_store(folder, settings, "")).close()

environment = dict(pair.split("=") for pair in sys.argv[2:])
asyncio.run(start(sys.argv[1], environment))
print(*sys.modules)
"""
SERVE = """
import sys
from services.cli import up
from services.cli.roles import import_ahead
import_ahead(sys.argv[1:])
print(*sys.modules)
"""


def imported(program: str, *arguments: str | Path) -> set[str]:
    """By a process of its own."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_all_roles_start_with_the_packages_of_vendors_whose_keys_are_set(tmp_path: Path) -> None:
    keys = ("DEEPGRAM_API_KEY=any", "GROQ_API_KEY=any")
    modules = imported(START, tmp_path / "qdrant", *keys)
    assert modules & VENDORS == {"deepgram", "groq"}
    assert {"qdrant_client", "services.cli.demo", "services.gateway.app"} <= modules


def test_a_process_of_one_role_starts_without_the_others() -> None:
    modules = imported(SERVE, "dialog")
    assert not modules & (VENDORS | OF_OTHER_ROLES)
    assert "services.dialog.app" in modules


def test_what_is_looked_for_can_be_imported() -> None:
    """A name that nothing is imported by would never be found."""
    assert all(map(find_spec, VENDORS | OF_OTHER_ROLES))
