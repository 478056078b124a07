"""Makes the compiled copy of these sources, where there is none yet."""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from projections.compiled.folders import LEFT_OUT, PACKAGES, SOURCES, found, name_of, python_name
from projections.compiled.modules import MODULES

_PROGRAM: Final = Path(__file__).with_name("by_mypyc.py")
_COMPILERS: Final = ("cc", "gcc", "clang")
_BEGUN: Final = "begun-"  # what folders are called while they are made


class CannotCompile(Exception):
    """Something is missing, or the compiler failed. Says what to do."""


class Made(NamedTuple):
    """The folder, and what it took."""

    folder: Path
    took_s: float  # 0: it was there


def made(cache: Path, modules: Sequence[str] = MODULES) -> Made:
    """See to it that the compiled copy of these sources is there: half a minute of CPU, or more.

    Those that the same Python has of other sources are removed. Who comes second waits for the
    first. Killed at any point, it leaves nothing that would be used.
    Raises: CannotCompile, OSError.
    """
    if folder := found(cache):
        return Made(folder, 0.0)
    compiler = _compiler()
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(cache):
        if folder := found(cache):
            return Made(folder, 0.0)
        began_s = time.monotonic()
        _remove(cache, _BEGUN)
        with tempfile.TemporaryDirectory(prefix=_BEGUN, dir=cache) as begun:
            copy = Path(begun, "copy")
            name = _copied(copy)
            _compile(copy, compiler, modules, Path(cache, "failed.log"))
            _remove(cache, f"{python_name()}-")
            os.sync()  # or a crash of the machine could leave it with empty files
            copy.rename(folder := cache / name)
        return Made(folder, time.monotonic() - began_s)


def _compiler() -> str:
    """The C compiler's command. Raises CannotCompile, for whatever is missing."""
    for package in ("mypyc", "setuptools"):
        if importlib.util.find_spec(package) is None:
            raise CannotCompile(
                f"Compiling needs {package}: pip install 'partyline[compile]', or 'uv sync --extra"
                " compile'."
            )
    known = (os.environ.get("CC"), sysconfig.get_config_var("CC"), *_COMPILERS)
    there = [each for each in known if each and shutil.which(each.split()[0])]
    if not there:
        raise CannotCompile(
            "Compiling needs a C compiler, and there is none: install gcc or clang (Debian, Ubuntu:"
            " apt install gcc), or name yours in CC."
        )
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise CannotCompile(
            "Compiling needs Python's header files, which are not installed (Debian, Ubuntu:"
            " apt install python3-dev)."
        )
    return there[0]


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """The kernel gives the lock back however a process ends."""
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copied(copy: Path) -> str:
    """The name for what was copied, whatever is written over the sources meanwhile."""
    for package in PACKAGES:
        shutil.copytree(SOURCES / package, copy / package, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return name_of(copy)


def _compile(copy: Path, compiler: str, modules: Sequence[str], log: Path) -> None:
    """Raises CannotCompile."""
    done = subprocess.run(
        [sys.executable, "-P", _PROGRAM, copy.parent / "build", *modules],
        cwd=copy,
        env=os.environ | {"CC": compiler},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        log.write_bytes(done.stdout)
        raise CannotCompile(f"Compiling failed; what mypyc and the C compiler said is in {log}.")


def _remove(cache: Path, prefix: str) -> None:
    for folder in cache.glob(f"{prefix}*"):
        shutil.rmtree(folder, ignore_errors=True)
