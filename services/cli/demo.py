"""partyline demo: one real call, shown while it goes on, and what is left of it."""

import asyncio
import time
from pathlib import Path
from typing import Final

import msgspec

from contracts.ids import CallId
from infra.agents import Agents
from infra.postgres import connect_pool
from infra.stopping import until_signalled
from projections.run import caught_up
from services.audio.frames import split
from services.audio.wav import read_wav
from services.call.replay import Mismatch, check
from services.cli.caller import Caller, place_call
from services.cli.calling import show_live
from services.cli.demo_report import Report, Rows, read_rows, report
from services.cli.demo_script import SCRIPT, Line
from services.cli.listing import print_call
from services.cli.livecall import LiveView
from services.cli.recorded import history
from services.cli.settings import Settings
from services.cli.terminal import out
from services.cli.up import EXAMPLE, Platform, platform
from services.cli.vendors import vendors

REPLY_S: Final = 15.0
REPLY_HEARD_S: Final = 40.0


def write(result: Report, file: Path | None) -> None:
    """Keep the report as JSON, when a file was named for it."""
    if file is not None:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


class Waits:
    """How long the caller waited for each answer, and when the first sounds came."""

    def __init__(self, started: float) -> None:
        self.ms: list[float | None] = []
        self.started = started  # monotonic seconds at which the program began
        self.first_audio_s = self.first_answer_s = 0.0  # since then

    def since_start_s(self) -> float:
        return time.monotonic() - self.started


async def demo(
    settings: Settings, once: bool, file: Path | None, started: float, *, loopback: bool = False
) -> int:
    """Run it. Exit code 0 only when everything went as it must.

    `loopback`: with the vendors' SDKs, and the vendors on loopback.
    """
    if not loopback:
        return await _demo(settings, once, file, started)
    async with vendors(settings) as told:
        return await _demo(told, once, file, started)


async def _demo(settings: Settings, once: bool, file: Path | None, started: float) -> int:
    code = 1
    # Its one call is taken however slow the machine is.
    settings = msgspec.structs.replace(settings, busy_ms=0)
    with until_signalled():
        async with platform(settings, out, example=True, force=True) as here:
            out.print(
                "[bold]A call comes in.[/bold] The caller's voice is recorded; the rest is live."
            )
            result = await _one_call(settings, here, started)
            code = 0 if result.ok else 1
            write(result, file)
            if not once:
                out.print(f"\nPartyline stays up at {here.running.url}; Ctrl-C ends it.")
                out.print(
                    "Place another call: ./just call --audio services/cli/example/voices/prices.wav"
                )
                await asyncio.Event().wait()
    return code


async def _one_call(settings: Settings, here: Platform, started: float) -> Report:
    waits = Waits(started)
    booked_before = here.book.requests if here.book else 0
    async with place_call(
        here.running.url, agent="receptionist", auth_token=settings.twilio_auth_token
    ) as caller:
        call = CallId(caller.call)
        watching = asyncio.create_task(_watch(here, settings, call))
        try:
            await _converse(here, caller, waits)
            await asyncio.wait_for(watching, REPLY_HEARD_S)
        except TimeoutError:
            out.print("[red]The agent fell silent; the call is ended.[/red]")
        finally:
            watching.cancel()
    booked = (here.book.requests if here.book else 0) - booked_before
    return await _afterwards(settings, here, call, waits, booked)


async def _watch(here: Platform, settings: Settings, call: CallId) -> None:
    running = here.running
    await show_live(running.journal, running.bus, settings, call, LiveView(out))


async def _converse(here: Platform, caller: Caller, waits: Waits) -> None:
    await caller.hear_first_audio(REPLY_S)
    waits.first_audio_s = waits.since_start_s()
    await caller.hear_out(REPLY_HEARD_S)
    await here.running.complete.wait()
    for place, line in enumerate(SCRIPT):
        if caller.closed.is_set():
            return
        await caller.say(spoken(line))
        waits.ms.append(await caller.hear_first_audio(REPLY_S) * 1000)
        waits.first_answer_s = waits.first_answer_s or waits.since_start_s()
        following = SCRIPT[place + 1] if place + 1 < len(SCRIPT) else None
        if following is not None and following.after_ms is not None:
            await asyncio.sleep(following.after_ms / 1000)
        else:
            await caller.hear_out(REPLY_HEARD_S)


def spoken(line: Line) -> list[bytes]:
    """The line in 20 ms frames."""
    return list(split(read_wav(EXAMPLE.parent / "voices" / f"{line.recording}.wav")))


async def _afterwards(
    settings: Settings, here: Platform, call: CallId, waits: Waits, booked: int
) -> Report:
    """Read the call back, from the log and from Postgres, and print both."""
    recorded = await history(here.running.journal, settings.tenant, call)
    agent = await Agents(here.running.bus).latest(settings.tenant, settings.agent)
    wrong = check(recorded, agent.agent) if agent else [Mismatch(sequence=0, wrong="agent")]
    pool = await connect_pool(here.places.postgres)
    try:
        await caught_up(pool, recorded[-1].sequence)
        rows = await read_rows(pool, settings.tenant, call)
        out.print()
        await print_call(pool, settings, call)
    finally:
        await pool.close()
    firsts = (waits.first_audio_s, waits.first_answer_s)
    result = report(
        *(call, rows, recorded, waits.ms, *firsts, wrong, booked), word_for_word=_known(settings)
    )
    print_figures(result, rows)
    print_problems(result, "Every turn was understood and answered; log and tables agree.")
    return result


def _known(settings: Settings) -> bool:
    """Whether the providers say the same every time: the embedded and the loopback ones do."""
    keys = settings.provider_keys()
    outside = [name for name in keys if name.endswith("_api_key")]
    return all("//127.0.0.1" in keys.get(f"{name[:-8]}_url", "") for name in outside)


def print_figures(result: Report, rows: Rows) -> None:
    """What was counted and timed."""
    measured = result.event_to_row_ms
    out.print(
        f"{result.events} events in the log, {rows.events} in Postgres;"
        f" from log to row p50 {measured.p50:.0f} ms, p99 {measured.p99:.0f} ms."
        f" From the start: first audio {result.first_audio_s:.1f} s,"
        f" first answer {result.first_answer_s:.1f} s.",
        soft_wrap=True,
    )


def print_problems(result: Report, verdict: str) -> None:
    """The verdict, or what is wrong; and where to look further."""
    if result.ok:
        out.print(f"[green]{verdict}[/green]", soft_wrap=True)
    for problem in result.problems:
        out.print(f"[red]✗ {problem}[/red]")
    out.print(f"Replay it: ./just replay {result.call}", soft_wrap=True)
    out.print(
        f"Its exact state after event 42: ./just replay {result.call} --at 42", soft_wrap=True
    )
