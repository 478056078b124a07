"""partyline compile: machine code for rebuilds."""

import asyncio
from pathlib import Path

from projections.compiled import made, usual_cache
from services.cli.settings import Settings
from services.cli.terminal import err, out


def cache_of(settings: Settings) -> Path:
    """Where machine code is kept."""
    return Path(settings.compiled).absolute() if settings.compiled else usual_cache()


async def compile_command(settings: Settings) -> int:
    """Make it, unless it is there."""
    with err.status("compiling: half a minute, or a few"):
        done = await asyncio.to_thread(made, cache_of(settings))
    if done.took_s:
        out.print(f"Compiled in {done.took_s:.0f} s. Rebuilds fill tables by machine code now.")
    else:
        out.print("Compiled already: rebuilds fill tables by machine code.")
    out.print(f"It is in {done.folder}.", soft_wrap=True)
    return 0
