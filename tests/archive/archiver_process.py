"""An archiver in a process of its own that is killed at one point: kill -9, by its own hand.

python archiver_process.py NATS_URL FOLDER NOW_MS POINT

At no point of POINTS it comes through, and prints its outcome as JSON.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from infra.archive.letting_go import LettingGo
from infra.archive.local import Folder
from infra.archive.reading import Archive
from infra.archive.run import archive_calls
from infra.nats import connect

POINTS = (
    "before the data",
    "half the data",
    "after the data",
    "half the manifest",
    "after the manifest",
    "before the purge",
    "after the first purge",
    "after the purge",
)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Mortal(Folder):
    """Dies while a file is written."""

    point = ""

    async def put(self, key: str, data: bytes) -> None:
        what = "data" if key.endswith(".zst") else "manifest"
        if self.point == f"before the {what}":
            die()
        if self.point == f"half the {what}":
            unfinished = self.root / f"{key}.dead.unfinished"
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(data[: len(data) // 2])
            die()
        await super().put(key, data)
        if self.point == f"after the {what}":
            die()


class MortalLettingGo(LettingGo):
    """Dies between the log's answers."""

    point = ""

    async def purge(self, lease: Any) -> int:
        if self.point == "before the purge":
            die()
        purged = await super().purge(lease)
        if self.point == "after the purge":
            die()
        return purged

    async def _purge(self, question: Any) -> int:
        purged = await super()._purge(question)
        if self.point == "after the first purge":
            die()
        return purged


async def main(url: str, folder: Path, now_ms: float, point: str) -> None:
    import infra.archive.run as run

    Mortal.point = MortalLettingGo.point = point
    run.LettingGo = MortalLettingGo  # type: ignore[misc]
    bus = await connect(url, name="mortal archiver")
    archive = Archive(Mortal(folder))
    done = await archive_calls(bus, archive, before_ms=now_ms - 60_000, now_ms=now_ms)
    await bus.close()
    sys.stdout.buffer.write(msgspec.json.encode(done))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
