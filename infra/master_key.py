"""The file with the master key: who may read it can read what callers said."""

import secrets
import stat
from pathlib import Path
from typing import Final

from infra.data_folder import write_private
from infra.sealing import MasterKey

NAME: Final = "master.key"  # in the data folder of an embedded stack
_BYTES: Final = (32, 48, 64)
MAKE: Final = "Make one with (umask 077; openssl rand -hex 64 > FILE)"


class BadMasterKey(Exception):
    """A file that can't be used as master key. Says what to do."""


def read_master_key(file: Path) -> MasterKey:
    """Raises BadMasterKey; OSError where it is there and can't be read."""
    try:
        open_to = stat.S_IMODE(file.stat().st_mode) & 0o077
        text = file.read_text(errors="replace").strip()
    except FileNotFoundError:
        raise BadMasterKey(f"There is no master key at {file}. {MAKE}.") from None
    if open_to:
        raise BadMasterKey(
            f"The master key {file} can be read by others: chmod 600 {file}, and think about who"
            " may have read it."
        )
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) not in _BYTES:
        raise BadMasterKey(f"{file} holds no master key, which is 64 to 128 hex digits. {MAKE}.")
    return MasterKey(key)


def make_master_key(data: Path) -> Path:
    """The file in an embedded stack's folder; made once, readable by us alone."""
    file = data / NAME
    if not file.exists():
        write_private(file, secrets.token_hex(64))
    return file
