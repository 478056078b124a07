"""A peer, in an environment of its own, on the same core and called by the same callers."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from loadtest.load.cores import CORES, on
from loadtest.load.scenario import AGENT
from loadtest.load.systems import System, process, reply_ms, sentences, text_in, until
from services.cli.agent_file import read_agent

PEERS: Final = ("pipecat",)
FOLDER: Final = Path(".partyline-peer")  # kept: its installation takes long
LIBRARIES: Final = ("pipecat-ai[websocket]==1.14.0", "uvicorn[standard]==0.54.0")
_SCRIPT: Final = Path(__file__).with_name("peer_pipecat.py")
_SILENCE_MS: Final = 800  # VAD stop 0.2 s and the turn strategy's 0.6 s, its defaults


class NoPeer(Exception):
    """The peer cannot be run. Says what to do."""


@asynccontextmanager
async def pipecat(folder: Path) -> AsyncIterator[System]:
    """pipecat with services that cost no time and say what our agent says.

    Raises: NoPeer, DidNotStart.
    """
    python = await _installed()
    noted, text = folder / "url", sentences(read_agent(AGENT))
    with on(CORES.system):
        async with process(str(python), str(_SCRIPT), str(noted), text) as child:
            url = await until(lambda: text_in(noted), child)
            yield System(
                name="pipecat",
                ring_url=f"{url}/twilio/voice",
                roots={"pipecat": child.pid},
                silence_ms=_SILENCE_MS,
                reply_ms=reply_ms(text),
            )


async def _installed() -> Path:
    """The Python that has it. Raises NoPeer."""
    python, stamp = FOLDER / "bin" / "python", FOLDER / "installed"
    wanted = "\n".join(LIBRARIES)
    if stamp.exists() and stamp.read_text() == wanted:
        return python.absolute()
    if (uv := shutil.which("uv")) is None:
        raise NoPeer("There is no uv to install the peer with: run it as `./just load --peer ...`.")
    await _do(uv, "venv", "--quiet", "--clear", str(FOLDER))
    await _do(uv, "pip", "install", "--quiet", "--python", str(python), *LIBRARIES)
    stamp.write_text(wanted)
    return python.absolute()


async def _do(*command: str) -> None:
    theirs = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    child = await asyncio.create_subprocess_exec(*command, stdin=subprocess.DEVNULL, env=theirs)
    if await child.wait():
        raise NoPeer("The peer could not be installed, see above; without it: leave --peer out.")
