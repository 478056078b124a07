"""A worker of a rebuild, see worker.py: `python -m projections.rebuild`."""

import asyncio

from projections.rebuild.worker import work

asyncio.run(work())
