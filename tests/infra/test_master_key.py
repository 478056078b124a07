"""The master key's file: made once, for our eyes only, and refused with what to do."""

import stat
from pathlib import Path

import pytest

from contracts.ids import CallId
from infra.master_key import BadMasterKey, make_master_key, read_master_key


def test_a_folder_gets_one_key_for_ever_that_nobody_else_can_read(tmp_path: Path) -> None:
    file = make_master_key(tmp_path)
    first = read_master_key(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_master_key(make_master_key(tmp_path)).id == first.id
    assert file.read_text() not in repr(first)
    assert first.make(CallId("a"), 1).master == first.id


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = make_master_key(tmp_path)
    file.chmod(mode)
    with pytest.raises(BadMasterKey, match=f"chmod 600 {file}"):
        read_master_key(file)


@pytest.mark.parametrize("text", ["", "not hex", "ab" * 31, "ab" * 65, "ü" * 64])
def test_what_is_no_key_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    file = make_master_key(tmp_path)
    file.write_text(text)
    with pytest.raises(BadMasterKey, match="openssl rand -hex 64") as told:
        read_master_key(file)
    assert not text or text not in str(told.value)


def test_a_missing_file_is_told_with_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadMasterKey, match="openssl rand -hex 64"):
        read_master_key(tmp_path / "nowhere")


@pytest.mark.parametrize("digits", [64, 96, 128])
def test_keys_of_three_lengths_are_taken(tmp_path: Path, digits: int) -> None:
    file = make_master_key(tmp_path)
    file.write_text("a" * digits + "\n")
    assert len(read_master_key(file).id) == 16
