"""A worker of a rebuild, see worker.py: `python -m projections.rebuild`."""

import gc

import uvloop

from projections.rebuild.worker import work

gc.disable()  # a chunk is a million small objects and no cycles: looking for some took a quarter
uvloop.run(work())
