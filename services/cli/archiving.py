"""partyline archive: calls that are over for long enough leave the log for the archive."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from contracts.codec import Codec
from contracts.streams import CALLS
from infra import tethered
from infra.archive import Archive, open_archive
from infra.archive.outcome import Outcome
from infra.archive.run import DAY_MS, archive_calls, keep_archiving, whole_days_ms
from infra.beside import beside
from infra.nats import connect, forget_calls
from infra.stopping import until_signalled
from services.cli.places import Places, find
from services.cli.settings import BadSetting, Settings, variable
from services.cli.terminal import out

_log: Final = logging.getLogger("partyline.archive")
_HOUR_S: Final = 3600.0
_NICE: Final = 10
_STOP: Final = str(int(signal.SIGTERM))


def archive_of(settings: Settings, codec: Codec) -> Archive | None:
    """The archive the settings name, if any. Raises BadArchivePlace."""
    return open_archive(settings.archive, codec) if settings.archive else None


@asynccontextmanager
async def archiving(places: Places, settings: Settings) -> AsyncIterator[None]:
    """Archive whole days once an hour beside the block.

    In a process of its own and at low priority: calls may run in this one, and compressing in a
    thread made their appends wait 150 ms (p99). Raises: BadArchivePlace, BadSetting.
    """
    archive_of(settings, Codec())
    async with beside(_hourly(places, settings)):
        yield


async def _hourly(places: Places, settings: Settings) -> None:
    told = {
        "nats": places.nats,
        "archive": settings.archive,
        "archive_after_days": str(_days(settings)),
        "log_level": settings.log_level,
    }
    environment = os.environ | {variable(name): value for name, value in told.items()}
    while True:
        try:
            await _once(environment)
        except OSError as refused:
            _log.warning("the archiver did not start: %s", refused.strerror)
        await asyncio.sleep(_HOUR_S)


async def _once(environment: Mapping[str, str]) -> None:
    """One run, which ends when we do."""
    tether = (sys.executable, "-I", "-S", tethered.__file__, str(os.getpid()), _STOP)
    archiver = await asyncio.create_subprocess_exec(
        *(*tether, sys.executable, "-m", "services.cli", "archive", "--once", "--whole-days"),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, archiver.pid, _NICE)
    try:
        said, _ = await archiver.communicate()
    finally:
        if archiver.returncode is None:
            archiver.kill()  # at any point is as good as another
            await archiver.wait()
    level = logging.WARNING if archiver.returncode else logging.INFO
    _log.log(level, "the archive: %s", " ".join(said.decode(errors="replace").split()))


async def archive_command(
    settings: Settings, *, once: bool, whole_days: bool, dry: bool, as_json: bool
) -> int:
    """Archive what is old enough, and go on once an hour unless `once` or `dry`.

    Exit code 1 when something is not as it was written.
    """
    archive, days = archive_of(settings, Codec()), _days(settings)
    if archive is None:
        raise BadSetting("PARTYLINE_ARCHIVE must be a folder or s3://bucket/prefix; or give --to")
    bus = await connect(find(settings, "nats").nats, name="partyline archive")
    try:
        if not dry:
            await forget_calls(bus, 0)
        exact_ms = time.time() * 1000 - days * DAY_MS
        before_ms = whole_days_ms(days) if whole_days else exact_ms
        done = await archive_calls(bus, archive, before_ms=before_ms, dry=dry)
        out.out(msgspec.json.encode(done).decode()) if as_json else _print(done, archive, dry)
        if not (once or dry):
            with until_signalled():
                await asyncio.sleep(3600)
                await keep_archiving(bus, archive, after_days=days)
    finally:
        await bus.close()
    return 1 if done.wrong else 0


async def expire_command(settings: Settings) -> None:
    """Without an archive again: the log forgets calls by their age, archived or not."""
    bus = await connect(find(settings, "nats").nats, name="partyline archive")
    try:
        await forget_calls(bus, CALLS.max_age_s)
    finally:
        await bus.close()
    days = CALLS.max_age_s // 86_400
    out.print(f"The log forgets calls after {days} days, archived or not.")


def _days(settings: Settings) -> float:
    if not 0 <= settings.archive_after_days <= 36_500:
        raise BadSetting("PARTYLINE_ARCHIVE_AFTER_DAYS (or --older-than) must be 0 to 36500 days")
    return settings.archive_after_days


def _print(done: Outcome, archive: Archive, dry: bool) -> None:
    would = "would go" if dry else "went"
    out.print(f"{done.calls:,} calls, {done.messages:,} messages {would} to {archive.store.place}.")
    if done.bytes:
        out.print(
            f"{done.segments:,} segments, {done.bytes:,} bytes for {done.raw_bytes:,}"
            f" (ratio {done.raw_bytes / done.bytes:.1f}), {done.took_s:.1f} s."
        )
    if not dry:
        out.print(f"The log let go of {done.let_go:,} messages.")
    for count, says in (
        (done.open, f"calls stay, not over or not for long enough; the oldest: {done.oldest}"),
        (done.strange, "calls stay: no contract covers their names"),
        (done.deleted, "holes in the stream, which close when the oldest calls go"),
    ):
        if count:
            out.print(f"{count:,} {says}.")
    for wrong in done.wrong:
        out.print(f"[red]{wrong}[/red]", soft_wrap=True)
