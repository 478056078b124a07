"""Where the compiled copy of these sources is: CACHE/SOABI-SHA256."""

import hashlib
import os
import sysconfig
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path
from typing import Final

PACKAGES: Final = ("contracts", "infra", "projections")  # what a filling process imports of ours
SOURCES: Final = Path(__file__).parents[2]
LEFT_OUT: Final = ("__pycache__", "*.md")  # what Python makes, and what only people read


def usual_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Source: https://specifications.freedesktop.org/basedir-spec/latest/."""
    cache = environment.get("XDG_CACHE_HOME", "")
    folder = Path(cache) if os.path.isabs(cache) else Path("~/.cache").expanduser()
    return folder / "partyline" / "compiled"


def python_name() -> str:
    """What extension modules of this Python are made for, as their file names tell it."""
    return str(sysconfig.get_config_var("SOABI"))


def name_of(root: Path) -> str:
    """Of the folder for the sources that lie in `root`, and mypyc's library that is installed."""
    digest = hashlib.sha256(version("librt").encode())  # which machine code calls into
    for file in _files(root):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return f"{python_name()}-{digest.hexdigest()}"


def found(cache: Path) -> Path | None:
    """The folder for the sources that this process runs. None: nobody has compiled them."""
    folder = cache / name_of(SOURCES)
    return folder if folder.is_dir() else None


def environment(folder: Path | None) -> dict[str, str]:
    """Of a process that is to import from there first; None: as it would anyway."""
    if folder is None:
        return dict(os.environ)
    behind = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{behind}" if behind else str(folder)}


def _files(root: Path) -> Iterator[Path]:
    """Sources and data, in an order that is always the same."""
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*")):
            if file.is_file() and not any(map(_is_left_out, file.relative_to(root).parts)):
                yield file


def _is_left_out(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in LEFT_OUT)
