"""Machine code for rebuilds: what it makes is what the sources make, or it is not used."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import fold_in_a_process
import msgspec
import pytest
from eventually import eventually
from fold_in_a_process import Given
from logs import ROOT, append, append_bytes, append_calls, running, tables
from stories import Story, at, question_answered, rang

from contracts.codec import Codec
from contracts.dialog import ToolCalled
from contracts.ids import new_call_id
from contracts.marked_fields import exchanged
from contracts.outcome import CallErased
from contracts.recorded import Message, Recorded
from infra.nats import Bus
from infra.nats_server import NatsServer
from infra.postgres import Pool
from infra.sealing import CallKey
from loadtest.generating.generate import histories
from loadtest.generating.history import recorded
from projections import PROJECTIONS
from projections.compiled import CannotCompile, environment, found, made
from projections.compiled.folders import PACKAGES, python_name
from projections.compiled.modules import MODULES
from projections.parking import all_parked
from projections.rebuild import Servers, plan, rebuild
from projections.run import caught_up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]  # a C compiler on a busy machine
FEW = ("infra.stamps",)  # where only the way matters: compiled in seconds
MAKE = """
import sys
from pathlib import Path
from projections.compiled import made
print(made(Path(sys.argv[1]), sys.argv[2:]).folder)
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything is compiled once."""
    cache = tmp_path_factory.mktemp("compiled")
    try:
        made(cache)
    except CannotCompile as why:
        if "C compiler" in str(why) or "header files" in str(why):
            pytest.skip(str(why))
        raise
    return cache


@dataclass
class MadeUp:
    """A log in the making."""

    random: random.Random
    keys: dict[str, bytes] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    messages: list[tuple[bytes, str, int, int, bytes]] = field(default_factory=list)

    def add(self, message: Recorded, *, sealed: bool) -> None:
        """At the end."""
        call, words = message.call, message.message
        if sealed:
            key = self.keys.setdefault(call, self.random.randbytes(64))
            words = exchanged(msgspec.structs.replace(words, sealed="siv"), CallKey(call, key))
        self.add_bytes(message.tenant, call, message.family, Codec().encode(call, words))

    def add_bytes(self, tenant: str, call: str, family: str, payload: bytes) -> None:
        sequence = len(self.messages) + 1
        stored_ns = 1_764_000_000_000_000_000 + sequence * 1_234_567
        name = f"call.{tenant}.{call}".encode()
        self.messages.append((name, family, sequence, stored_ns, payload))

    @property
    def given(self) -> Given:
        return Given(self.messages, self.keys, self.erased)


def made_up(seed: int, calls: int) -> Given:
    """Calls as they are, and such as should not be: out of order, cut short, unreadable, erased."""
    log = MadeUp(random.Random(seed))
    for number, history in enumerate(histories(seed, calls)):
        call = new_call_id()
        messages = recorded(history, call, range(1, len(history.messages) + 1))
        if number % 5 == 3:
            messages = out_of_order(log.random, messages)
        for message in messages:
            log.add(message, sealed=number % 4 != 1)
        if number % 7 == 2:
            erase(log, messages[-1])
        if number % 9 == 4:
            later = b'{"by":"a","events":[{"type":"later/1"}]}'
            log.add_bytes(messages[0].tenant, call, "line", later)
            log.add(messages[-1], sealed=False)
    return log.given


def out_of_order(random: random.Random, messages: Sequence[Recorded]) -> list[Recorded]:
    """After the ring, whatever comes: some of it twice, and a number too large for its column."""
    rest = [*messages[1:], *random.sample(messages, 5)]
    random.shuffle(rest)
    too_large = ToolCalled(at_ms=2**53 + 1, invocation="i", turn=2**60, tool="book", arguments={})
    odd = msgspec.structs.replace(messages[-1], message=Message(by="a", events=(too_large,)))
    return [messages[0], *rest[: len(rest) // 2], odd, *rest[len(rest) // 2 :]]


def erase(log: MadeUp, last: Recorded) -> None:
    """With its key gone, and the event that says so."""
    gone = CallErased(at_ms=at(9_999), by="ann", reason="asked")
    said = msgspec.structs.replace(
        last, family="outcome", message=Message(by="cli", events=(gone,))
    )
    log.erased.add(last.call)
    log.add(said, sealed=False)


def folds(given: Given, folder: Path | None, tmp_path: Path) -> list[str]:
    """What a process that runs machine code from there makes of it; None: the sources."""
    file, result = tmp_path / "given", tmp_path / "result"
    file.write_bytes(msgspec.msgpack.encode(given))
    code = "machine" if folder else "source"
    done = run_python(folder, fold_in_a_process.__file__, str(file), str(result), code)
    assert done.returncode == 0, done.stderr
    return result.read_text("utf-8").splitlines()


def run_python(
    folder: Path | None, *arguments: str, **variables: str
) -> "subprocess.CompletedProcess[str]":
    environment_ = environment(folder) | variables
    return subprocess.run(
        [sys.executable, "-P", *arguments], env=environment_, capture_output=True, text=True
    )


@pytest.mark.parametrize("seed", [7, 11, 23])
def test_machine_code_makes_of_any_log_what_the_sources_make_to_the_last_bit(
    cache: Path, tmp_path: Path, seed: int
) -> None:
    given = made_up(seed, 110)
    interpreted, compiled = (folds(given, f, tmp_path) for f in (None, found(cache)))
    assert len(interpreted) > 10_000
    assert any("Refused" in line for line in interpreted)
    different = [pair for pair in zip_longest(interpreted, compiled) if pair[0] != pair[1]]
    assert different[:3] == []


def test_every_module_on_the_list_is_machine_code(cache: Path) -> None:
    folder = found(cache)
    asks = (
        "import importlib, sys; [print(importlib.import_module(m).__file__) for m in sys.argv[1:]]"
    )
    done = run_python(folder, "-c", asks, *MODULES)
    files = [Path(line) for line in done.stdout.split()]
    assert len(files) == len(MODULES), done.stderr
    assert all(file.suffix == ".so" and folder in file.parents for file in files)


def test_what_machine_code_can_not_read_is_told_without_a_word_of_it(cache: Path) -> None:
    reads = (
        "from contracts.codec import Codec;"
        """ Codec().decode("c", b'{"by":"a","events":[{"type":"secret word"}]}')"""
    )
    done = run_python(found(cache), "-c", reads)
    assert "Unreadable: no contract covers it" in done.stderr
    assert "secret word" not in done.stderr


async def test_a_rebuild_by_machine_code_gives_the_tables_that_following_gave(
    bus: Bus,
    pool: Pool,
    log_server: NatsServer,
    tables_dsn: str,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "CHUNK", 70)
    await append_calls(bus, 40)
    too_large = ToolCalled(at_ms=1, invocation="i", turn=10**12, tool="book", arguments={})
    await append(bus, Story().stored(1, rang()).stored(2, too_large))
    await append(bus, with_nul())
    unreadable = question_answered()
    await append(bus, unreadable)
    last = await append_bytes(bus, unreadable, b"{}")
    async with running(bus, pool):
        await caught_up(pool, last)
    before, parked = await tables(pool), await parked_at(pool)
    servers = Servers(nats=log_server.url, postgres=tables_dsn, compiled=str(cache))
    done = await rebuild(bus, pool, PROJECTIONS, servers=servers, workers=2)
    assert done.compiled
    assert await tables(pool) == before
    assert await parked_at(pool) == parked
    assert len({call for _, call, _ in parked}) == 2


def with_nul() -> Story:
    """PostgreSQL takes no NUL."""
    return Story().stored(1, msgspec.structs.replace(rang(), caller="+1\0"))


async def parked_at(pool: Pool) -> set[tuple[str, str, int]]:
    return {(each.projection, each.call, each.sequence) for each in await all_parked(pool)}


async def test_without_machine_code_of_these_sources_a_rebuild_is_interpreted(
    bus: Bus,
    pool: Pool,
    log_server: NatsServer,
    tables_dsn: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "CHUNK", 70)
    (tmp_path / f"{python_name()}-{'0' * 64}").mkdir()  # of others
    await append_calls(bus, 10)
    servers = Servers(nats=log_server.url, postgres=tables_dsn, compiled=str(tmp_path))
    done = await rebuild(bus, pool, PROJECTIONS, servers=servers, workers=2)
    assert not done.compiled
    assert done.rows


def test_a_source_or_a_price_that_was_changed_is_not_served_by_what_was_compiled_before(
    cache: Path, tmp_path: Path
) -> None:
    sources = tmp_path / "sources"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, sources / package)
    assert found_from(sources, cache) == str(found(cache))
    for changed in ("projections/past.py", "projections/costs/prices.toml"):
        file = sources / changed
        before = file.read_bytes()
        file.write_bytes(before + b"\n")
        assert found_from(sources, cache) == "None"
        file.write_bytes(before)
    (sources / "infra" / "decisions" / "0999-of-no-concern.md").touch()
    assert found_from(sources, cache) == str(found(cache))
    (sources / "projections" / "added.py").touch()
    assert found_from(sources, cache) == "None"


def found_from(sources: Path, cache: Path) -> str:
    """What a process that runs these sources finds."""
    asks = (
        "import sys; from pathlib import Path; from projections.compiled import found;"
        " print(found(Path(sys.argv[1])))"
    )
    done = run_python(sources, "-c", asks, str(cache))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_one_that_was_killed_half_way_is_not_used_and_cleared_away(tmp_path: Path) -> None:
    older = tmp_path / f"{python_name()}-{'0' * 64}"
    of_another_python = tmp_path / f"cpython-999-{'0' * 64}"
    older.mkdir()
    of_another_python.mkdir()
    killed = subprocess.Popen(
        [sys.executable, "-c", MAKE, str(tmp_path), *FEW], cwd=ROOT, start_new_session=True
    )
    eventually(lambda: any(tmp_path.glob("begun-*/build/*")), 60)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert found(tmp_path) is None
    assert older.exists()
    done = made(tmp_path, FEW)
    assert done.took_s > 0
    assert found(tmp_path) == done.folder
    assert set(tmp_path.iterdir()) == {done.folder, of_another_python, tmp_path / "lock"}
    assert made(tmp_path, FEW).took_s == 0


async def test_of_two_at_once_one_compiles_and_the_other_waits(tmp_path: Path) -> None:
    both = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", MAKE, str(tmp_path), *FEW),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    said = [(await each.communicate())[0].decode().strip() for each in both]
    assert said == [str(found(tmp_path))] * 2


def test_what_mypyc_does_not_take_is_told_in_a_file(tmp_path: Path) -> None:
    with pytest.raises(CannotCompile, match=r"Compiling failed.*failed\.log"):
        made(tmp_path, ["projections.nowhere"])
    assert "nowhere" in (tmp_path / "failed.log").read_text()
    assert found(tmp_path) is None


def test_the_command_says_what_to_do_without_a_compiler(tmp_path: Path) -> None:
    done = partyline_compile(tmp_path, PATH=str(tmp_path), CC="")
    assert done.returncode == 1
    assert "install gcc or clang" in " ".join(done.stderr.split())


@pytest.mark.parametrize("package", ["mypyc", "setuptools"])
def test_the_command_says_what_to_do_without_what_the_extra_brings(
    tmp_path: Path, package: str
) -> None:
    done = partyline_compile(tmp_path, missing=package)
    assert done.returncode == 1
    assert f"needs {package}" in done.stderr
    assert "pip install 'partyline[compile]'" in " ".join(done.stderr.split())


def test_the_command_tells_where_machine_code_is(cache: Path) -> None:
    done = partyline_compile(cache)
    assert done.returncode == 0, done.stderr
    assert "Compiled already" in done.stdout
    assert str(found(cache)) in done.stdout


def partyline_compile(
    cache: Path, *, missing: str = "", **variables: str
) -> "subprocess.CompletedProcess[str]":
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({missing!r}.split()))\n"
        "from services.cli import main; sys.argv = ['partyline', 'compile']; main()"
    )
    return run_python(None, "-c", program, PARTYLINE_COMPILED=str(cache), **variables)
