"""A copy of the launcher, and a PATH that holds only what a test puts there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

REPOSITORY = Path(__file__).resolve().parents[2]
# The interpreter beneath the test environment: an environment made from it needs no other.
PYTHON = getattr(sys, "_base_executable", sys.executable)


class Machine:
    """A machine that has no program but those added with `install`."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "party line"  # with a space, as people's folders have
        self.programs = folder / "bin"
        self.home = folder / "home"
        for made in (self.root, self.programs, self.home):
            made.mkdir(parents=True)
        shutil.copy(REPOSITORY / "just", self.root)
        (self.root / "Justfile").write_text("default:\n    @echo from the Justfile\n")

    def install(self, name: str, script: str) -> None:
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def install_python(self, name: str = "python3", changed: str = "") -> None:
        """A working Python; `changed` is Python code that runs before the launcher's own."""
        if changed:
            code = f"{changed}; exec(sys.argv[-1])"
            self.install(name, f"""exec '{PYTHON}' -c "import sys; {code}" "$@" """)
        else:
            self.install(name, f"""exec '{PYTHON}' "$@" """)

    def just(
        self,
        *arguments: str,
        cwd: Path | None = None,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": str(self.programs),
            "HOME": str(self.home),
            "PIP_CONFIG_FILE": os.devnull,  # this machine's own package settings stay out of it
            **variables,
        }
        return subprocess.run(
            ["/bin/sh", str(self.root / "just"), *arguments],
            cwd=cwd or self.home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
