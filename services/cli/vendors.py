"""The loopback vendors as a process of their own, for a demo of real SDKs without real accounts."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from services.cli.settings import BadSetting, Settings, from_environment

_TESTS: Final = Path(__file__).parents[2] / "tests"
_START_S: Final = 20.0
COMPANIES: Final = ("deepgram", "groq", "elevenlabs")


@asynccontextmanager
async def vendors(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with the vendors' addresses and keys, while they run. Raises BadSetting."""
    if not (_TESTS / "vendors" / "by_hand").is_dir():
        raise BadSetting("the loopback vendors are in the source tree: run this in a clone of it")
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vendors.by_hand", *COMPANIES, "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        cwd=_TESTS,
        start_new_session=True,  # Ctrl-C is for us: the vendors go when the calls are over
    )
    try:
        assert child.stdout is not None
        async with asyncio.timeout(_START_S):
            environment = msgspec.json.decode(await child.stdout.readline(), type=dict[str, str])
        theirs = from_environment({}, environment).provider_keys()
        yield msgspec.structs.replace(settings, **theirs)
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        await child.wait()
