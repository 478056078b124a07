"""A peer, in an environment of its own, on the same core and called by the same callers."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from loadtest.load.cores import CORES, on
from loadtest.load.systems import System, environment, process, until_there

PEERS: Final = ("pipecat",)
FOLDER: Final = Path(".partyline-peer")  # kept: its installation takes long
LIBRARIES: Final = ("pipecat-ai[websocket]==1.14.0", "uvicorn[standard]==0.54.0")
_SCRIPT: Final = Path(__file__).with_name("peer_pipecat.py")
_SILENCE_MS: Final = 800  # VAD stop 0.2 s and the turn strategy's 0.6 s, its defaults


class NoPeer(Exception):
    """The peer cannot be run. Says what to do."""


@asynccontextmanager
async def pipecat(data: Path, sentences: str) -> AsyncIterator[System]:
    """pipecat with services that cost no time and say `sentences`; `data` is for its log.

    Raises: NoPeer, DidNotStart.
    """
    python = await _installed()
    data.mkdir(parents=True, exist_ok=True)
    noted, log = data / "url", data / "pipecat.log"
    with on(CORES.system):
        serving = process(str(python), str(_SCRIPT), str(noted), sentences, log=log)
        async with serving as child:
            await until_there(child, noted, log)
            yield System(
                name="pipecat",
                ring_url=f"{noted.read_text()}/twilio/voice",
                roots={"pipecat": child.pid},
                silence_ms=_SILENCE_MS,
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
    child = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, env=environment()
    )
    if await child.wait():
        raise NoPeer("The peer could not be installed, see above; without it: leave --peer out.")
