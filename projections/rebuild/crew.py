"""Worker processes that share the chunks of a rebuild."""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from infra.cancelling import end_tasks
from projections.compiled import environment
from projections.rebuild.plan import Chunk
from projections.rebuild.storing import Filled
from projections.rebuild.worker import Job, Unfilled

_TRIES: Final = 20  # of one chunk, while the log or PostgreSQL is away
_AGAIN_S: Final = 0.5


Worker: TypeAlias = asyncio.subprocess.Process


class WorkerDied(Exception):
    """A worker ended, or could not do a chunk for long. What is stored stays: go on later."""


async def started(workers: int, compiled: Path | None = None) -> list[Worker]:
    """Processes that wait for a job. To be given to `ended` at last, whatever they did.

    `compiled`: the copy of the sources they run; None: those that this process runs.
    """
    safe = ("-P",) if compiled else ()  # the folder they are started in comes first otherwise
    return [
        await asyncio.create_subprocess_exec(
            *(sys.executable, *safe, "-m", "projections.rebuild"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            env=environment(compiled),
        )
        for _ in range(workers)
    ]


async def ended(workers: Iterable[Worker]) -> None:
    """Let them be gone."""
    for worker in workers:
        if worker.returncode is None:
            worker.kill()
        await worker.wait()


async def filled_by_crew(
    job: Job, chunks: Sequence[Chunk], workers: Sequence[Worker]
) -> AsyncGenerator[Filled]:
    """What each chunk came to, as they are done. Raises WorkerDied. Close it when leaving."""
    left = len(chunks)
    shares = shared(chunks, min(len(workers), left))
    done: asyncio.Queue[Filled | None] = asyncio.Queue()
    crew = [
        asyncio.create_task(_one(worker, job, share, shares, done))
        for worker, share in zip(workers, shares, strict=False)
    ]
    try:
        while left:
            filled = await done.get()
            if filled is None:
                await _failure(crew)
            else:
                left -= 1
                yield filled
    finally:
        await end_tasks(crew)
        await asyncio.gather(*crew, return_exceptions=True)


def shared(chunks: Sequence[Chunk], workers: int) -> list[deque[Chunk]]:
    """A piece of the log for each worker: it has read the beginning of the next chunk already."""
    ends = [len(chunks) * n // workers for n in range(workers + 1)]
    return [deque(chunks[first:end]) for first, end in pairwise(ends)]


def next_chunk(share: deque[Chunk], shares: list[deque[Chunk]]) -> Chunk | None:
    """Who is through with its own takes the last of whoever has most left to do."""
    if share:
        return share.popleft()
    longest = max(shares, key=len)
    return longest.pop() if longest else None


async def _failure(crew: "list[asyncio.Task[None]]") -> None:
    for task in crew:
        if task.done():
            task.result()


async def _one(
    worker: Worker,
    job: Job,
    share: deque[Chunk],
    shares: list[deque[Chunk]],
    done: "asyncio.Queue[Filled | None]",
) -> None:
    try:
        await _say(worker, job)
        while (chunk := next_chunk(share, shares)) is not None:
            done.put_nowait(await _filled(worker, chunk))
    except BaseException:
        done.put_nowait(None)
        raise
    finally:
        await ended([worker])


async def _filled(process: Worker, chunk: Chunk) -> Filled:
    for _ in range(_TRIES):
        await _say(process, chunk)
        assert process.stdout is not None
        line = await process.stdout.readline()
        if not line:
            raise WorkerDied(f"a worker ended at messages {chunk.first} to {chunk.last}")
        answer = msgspec.json.decode(line, type=Filled | Unfilled)
        if isinstance(answer, Filled):
            return answer
        why = answer.why
        await asyncio.sleep(_AGAIN_S)
    raise WorkerDied(f"messages {chunk.first} to {chunk.last} could not be filled: {why}")


async def _say(process: Worker, what: Job | Chunk) -> None:
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(what) + b"\n")
    try:
        await process.stdin.drain()
    except ConnectionError:
        raise WorkerDied("a worker ended") from None
