"""Keys in a file that only its owner can read."""

import re
import stat
from pathlib import Path
from typing import Final

_LINE: Final = re.compile(r"""(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(["']?)(.*)\2""")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class BadKeysFile(Exception):
    """A file of keys that cannot be used. Names the file and the line, never what is in it."""


def read_keys(file: Path) -> dict[str, str]:
    """The file's `NAME=VALUE` lines; empty ones and those that begin with # are left out.

    Raises: BadKeysFile, also when others may read it.
    """
    try:
        if file.stat().st_mode & _OTHERS:
            raise BadKeysFile(f"{file} can be read by others: chmod 600 {file}")
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as failed:
        raise BadKeysFile(f"{file} cannot be read: {type(failed).__name__}") from None
    keys = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        if (found := _LINE.fullmatch(line)) is None:
            raise BadKeysFile(f"{file}:{number}: not of the form NAME=VALUE")
        keys[found[1]] = found[3]
    return keys
