"""`just` where everything is there: the real venv and pip install stand-ins for uv and just."""

import re
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from bare_machine import REPOSITORY, Machine

JUST = """#!/bin/sh
echo "python $UV_PYTHON, downloads $UV_PYTHON_DOWNLOADS"
echo "path ${PATH%%:*}"
for argument in "$@"; do echo "<$argument>"; done
"""


def pinned(name: str) -> str:
    found = re.search(rf"^{name}=(\S+)$", (REPOSITORY / "just").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def write_wheel(folder: Path, package: str, version: str, program: str, script: str) -> None:
    """A wheel that installs one program, as uv's and rust-just's do."""
    stem = f"{package}-{version}"
    members = {
        f"{stem}.data/scripts/{program}": script,
        f"{stem}.dist-info/METADATA": (
            f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        ),
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{stem}.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for name, text in members.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (
                stat.S_IFREG | 0o755
            ) << 16  # pip keeps a program's right to be run
            wheel.writestr(member, text)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    write_wheel(folder, "uv", pinned("uv"), "uv", "#!/bin/sh\n")
    write_wheel(folder, "rust_just", pinned("just"), "just", JUST)
    return folder


@pytest.fixture
def reachable(wheels: Path) -> dict[str, str]:
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}


def test_a_fresh_machine_is_set_up_once_and_every_argument_arrives(
    machine: Machine, reachable: dict[str, str], tmp_path: Path
) -> None:
    machine.install_python()

    first = machine.just("call", "a b", "*", "", cwd=tmp_path, variables=reachable)

    assert first.returncode == 0, first.stderr
    assert [line.split()[1] for line in first.stderr.splitlines()] == ["making", "installing"]
    python, path, *arguments = first.stdout.splitlines()
    assert re.fullmatch(r"python /.+, downloads never", python)
    assert path == f"path {machine.root / '.boot' / 'bin'}"
    justfile = str(machine.root / "Justfile")
    assert arguments == [f"<{each}>" for each in ("--justfile", justfile, "call", "a b", "*", "")]

    shutil.rmtree(machine.programs)  # nothing is looked for again
    second = machine.just("call", "a b", "*", "", cwd=tmp_path)

    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.splitlines()[2:] == first.stdout.splitlines()[2:]


def half_make_boot(machine: Machine) -> Path:
    """A .boot as an interruption leaves it: programs, but no stamp. Returns the stamp's place."""
    just = machine.root / ".boot" / "bin" / "just"
    just.parent.mkdir(parents=True)
    just.write_text("#!/bin/sh\nexit 99\n")
    just.chmod(0o755)
    return machine.root / ".boot" / "stamp"


def test_a_half_made_boot_folder_is_made_anew(machine: Machine, reachable: dict[str, str]) -> None:
    machine.install_python()
    stamp = half_make_boot(machine)

    assert machine.just("demo", variables=reachable).returncode == 0
    assert stamp.exists()


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "uv 0.0.1, just 0.0.1\n/bin/sh\n",
        f"uv {pinned('uv')}, just {pinned('just')}\n/usr/bin/python-of-last-year\n",
    ],
    ids=["cut short", "older pins", "its python has gone"],
)
def test_a_boot_folder_whose_stamp_does_not_fit_is_not_used(machine: Machine, stamp: str) -> None:
    half_make_boot(machine).write_text(stamp)

    ended = machine.just("demo")  # on a machine without Python it can only say so

    assert ended.returncode == 1
    assert "no python3 was found" in ended.stderr
