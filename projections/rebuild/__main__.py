"""A worker of a rebuild, see worker.py: `python -m projections.rebuild`."""

import gc
import sys

import uvloop

sys.modules["aiohttp"] = None  # type: ignore[assignment]  # nats-py's, for websockets: 0.25 s

from projections.rebuild.worker import work  # noqa: E402

gc.disable()  # a chunk is a million small objects and no cycles: looking for some took a quarter
uvloop.run(work())
