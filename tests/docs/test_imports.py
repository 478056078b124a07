"""Imports run one way, as the contracts in pyproject.toml say."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LINTER = Path(sys.executable).parent / "lint-imports"


def test_imports_point_down_and_siblings_never_import_each_other(tmp_path: Path) -> None:
    linted = subprocess.run(
        [LINTER, "--cache-dir", tmp_path],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert linted.returncode == 0, f"\n{linted.stdout}{linted.stderr}"
