"""`just` on a machine that lacks something: one clear sentence and exit code 1."""

from pathlib import Path
from subprocess import CompletedProcess

from bare_machine import Machine


def complaint(ended: CompletedProcess[str]) -> str:
    """The last line, once it is sure that only the launcher has spoken, and that it gave up."""
    assert ended.returncode == 1
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert all(line.startswith("just: ") for line in lines), ended.stderr
    return lines[-1]


def sentence(ended: CompletedProcess[str]) -> str:
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    return complaint(ended)


def test_without_python_it_says_that_python_is_needed(machine: Machine) -> None:
    assert "3.11 or newer is needed, and no python3 was found" in sentence(machine.just("demo"))


def test_a_too_old_python_is_named_with_its_version(machine: Machine) -> None:
    machine.install_python(changed="sys.version_info = (3, 9, 18)")
    assert "3.11 or newer is needed, and python3 is 3.9.18" in sentence(machine.just("demo"))


def test_a_python_without_venv_is_named_with_the_remedy(machine: Machine) -> None:
    machine.install_python("python3.12", changed="sys.modules['ensurepip'] = None")
    said = sentence(machine.just("demo"))
    assert "python3.12 lacks its venv module" in said
    assert "apt install python3.12-venv" in said


def test_a_missing_venv_is_the_complaint_even_beside_an_older_python(machine: Machine) -> None:
    machine.install_python("python3.13", changed="sys.modules['ensurepip'] = None")
    machine.install_python(changed="sys.version_info = (3, 9, 18)")
    assert "python3.13 lacks its venv module" in sentence(machine.just("demo"))


def test_a_version_managers_empty_shim_is_no_python(machine: Machine) -> None:
    machine.install("python3.13", "echo 'python3.13: command not found' >&2; exit 127")
    assert "no python3 was found" in sentence(machine.just("demo"))


def test_a_boot_folder_that_cannot_be_made_says_why(machine: Machine) -> None:
    machine.install_python()
    (machine.root / ".boot").write_text("in the way")
    said = complaint(machine.just("demo"))
    assert "could not make" in said
    assert str(machine.root / ".boot") in said


def test_an_unreachable_pypi_is_one_sentence_and_leaves_no_stamp(machine: Machine) -> None:
    machine.install_python()
    index = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
    assert "PyPI cannot be reached" in complaint(machine.just("demo", variables=index))
    assert not Path(machine.root, ".boot", "stamp").exists()
