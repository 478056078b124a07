"""A disk of a few megabytes, to be filled: a tmpfs mounted over one folder."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def only_where_disks_can_be_mounted() -> None:
    """Skip the test for who may not mount: only root may, and not in every container."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[None]:
    """What is in `folder` moves onto the small disk, and goes with it."""
    folder.mkdir(parents=True, exist_ok=True)
    moved = folder.with_name(f"{folder.name}.moved")
    subprocess.run(["cp", "-a", f"{folder}/.", moved], check=True)
    options = f"size={mebibytes}m"
    mounting = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mounting, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        folder.chmod(0o700)
        subprocess.run(["cp", "-a", f"{moved}/.", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no room on the disk of `folder`; the file that takes it all."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        try:
            while file.write(bytes(1 << 20)):
                file.flush()
        except OSError:
            pass  # full, as wanted
    return filler
