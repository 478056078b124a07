"""Whose time a stack is, and that the parts of a program's time are all of it."""

import asyncio
import os
import sysconfig
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.load.cores import ahead
from loadtest.load.figures import Figures
from loadtest.load.parts import REST, Found, attributed, part_of, parts
from loadtest.load.profile import KERNEL, Profile, Stacks, profile
from loadtest.load.profile_table import tables
from loadtest.load.sampling import CannotSample, sampling
from loadtest.proc import Cost

ROOT = Path(__file__).parents[2]
RECORDED = Path(__file__).parent / "recorded" / "stacks-of-20-calls.raw"
HOT = ("services/gateway", "services/stt", "services/dialog", "services/rag", "services/tts")
HOT += ("services/call", "services/audio", "projections", "contracts")
WHERE = (ROOT, Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("stdlib")))


def profiled(cpu_s: float, *, frames: int = 1_000, appends: int = 100, **samples: int) -> Profile:
    """A program that was seen so often in each part, `_` for a space; a quarter is the kernel's."""
    seen = Counter({name.replace("_", " "): count for name, count in samples.items()})
    stacks = Stacks(
        found=Found(samples=seen, rest=Counter()), failed=40, rate_hz=200.0, waited_s=0.0
    )
    used = {"roles": Cost(cpu_s, 50.0, cpu_s / 4), "nats-server": Cost(0.5, 20.0)}
    return profile(used, {"roles": stacks}, frames, appends)[0]


def test_each_recorded_stack_is_the_time_of_one_part() -> None:
    found = attributed(RECORDED.read_text())
    assert found.samples == {
        "the loop (uvloop, asyncio), without its system calls": 114,
        "nats-py: the flusher, which writes": 24,
        "publishing sound": 10,
        "nats-py: reading and parsing": 7,
        "JSON and base64 of the carrier": 6,
        "voice activity": 6,
        "WebSocket (aiohttp)": 4,
        "the line, its ear and mouth": 4,
        "appends": 2,
        "gateway: rings, and what the call decided": 2,
        "nats-py: all else": 2,
        "tables: asyncpg": 2,
        "FastStream": 1,
        "claims and hosting": 1,
        "dialog": 1,
        "encoding, decoding and sealing": 1,
        "live delivery": 1,
        "packing, and keeping for a reconnection": 1,
        "reading the log": 1,
        "recognition": 1,
        "synthesis": 1,
        "tables": 1,
        "telling load and lateness": 1,
        "the recogniser's tape": 1,
        REST: 1,
    }
    assert found.rest == {"xml/etree/ElementTree.py:_get_writer": 1}


@pytest.mark.parametrize(
    ("frames", "part"),
    [
        (("asyncio/streams.py:write", "infra/audio_client.py:AudioClient.ask"), "appends"),
        (
            ("json/encoder.py:encode", "services/gateway/wire.py:said"),
            "JSON and base64 of the carrier",
        ),
        (("asyncio/tasks.py:sleep", "infra/claims.py:Claims.keep"), "claims and hosting"),
        (("services/stt/on_audio.py:HostedCall.on_frame",), "the recogniser's tape"),
        (("services/stt/on_audio.py:HostedCall.run",), "recognition"),
        (("somewhere.py:else", "asyncio/runners.py:Runner.run"), REST),
    ],
)
def test_the_innermost_frame_that_is_named_decides(frames: tuple[str, ...], part: str) -> None:
    assert part_of(frames) == part


def test_whatever_is_named_is_there() -> None:
    """A module that moves takes its line in parts.toml along."""
    named = [line for part in parts() for line in (*part.code, *part.top)]
    files = {line.partition(":")[0] for line in named}
    assert [file for file in sorted(files) if not any((at / file).exists() for at in WHERE)] == []


def test_all_code_that_calls_run_through_is_named() -> None:
    files = [file.relative_to(ROOT) for folder in HOT for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 100
    assert [file for file in files if part_of([f"{file}:f"]) == REST] == []


def test_the_parts_together_are_all_that_the_program_used() -> None:
    found = profiled(3.0, voice_activity=1, dialog=1, the_rest=1, synthesis=4)
    assert sum(share.cpu_s for share in found.shares) == pytest.approx(found.cpu_s)
    assert {share.part: share.samples for share in found.shares} == {
        "voice activity": 1,
        "dialog": 1,
        "synthesis": 4,
        REST: 1,
        KERNEL: 0,
    }


def test_a_part_costs_so_much_for_each_frame_or_each_append() -> None:
    found = profiled(2.0, frames=1_000, appends=100, voice_activity=3, dialog=1)
    assert {share.part: share.us for share in found.shares} == {
        "voice activity": 1_125.0,
        "dialog": 3_750.0,
        KERNEL: 500.0,
    }
    assert (found.us_per_frame, found.us_per_append) == (2_000.0, 20_000.0)


def test_a_program_that_was_never_seen_at_work_has_all_in_the_rest() -> None:
    rest, kernel = profiled(0.5).shares
    assert (rest.part, rest.cpu_s) == (REST, 0.375)
    assert (kernel.part, kernel.cpu_s) == (KERNEL, 0.125)


def test_what_was_seen_stands_beside_what_was_used() -> None:
    assert profiled(2.0, dialog=300, the_rest=60).seen_s == 2.0


def test_the_tables_show_every_part_and_every_server() -> None:
    roles = profiled(2.0, voice_activity=3, dialog=1)
    server = Profile(
        program="nats-server", cpu_s=1.0, kernel_s=0.5, us_per_frame=7.0, us_per_append=70.0
    )
    told = {"system": "partyline", "scenario": "steady", "length_s": 9.0, "void": False}
    one = Figures(**told, calls=1, profile=(roles, server))
    three = Figures(**told, calls=3, profile=(roles, profiled(1.0, the_rest=1), server))
    console = Console(record=True, width=160)
    for shown in tables([one, one, three]):
        console.print(shown)
    said = console.export_text()
    assert said.count("voice activity") == said.count("nats-server") == 2
    assert "1125.0 (56)" in said
    assert "3 calls, a process for each role" in said


async def test_what_is_no_python_process_cannot_be_looked_at() -> None:
    child = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        with pytest.raises(CannotSample, match=r"cannot read the process of a clock: \w"):
            async with sampling({"a clock": [child.pid]}):
                pass
    finally:
        child.kill()
        await child.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may say who goes ahead")
async def test_what_is_looked_at_waits_for_no_ordinary_program() -> None:
    child = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        with ahead([child.pid]):
            assert os.sched_getscheduler(child.pid) == os.SCHED_RR | os.SCHED_RESET_ON_FORK
        assert os.sched_getscheduler(child.pid) == os.SCHED_OTHER
    finally:
        child.kill()
        await child.wait()
