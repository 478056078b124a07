"""What the compiling process runs: python by_mypyc.py BUILD_FOLDER MODULE...

In the folder of the copied packages: the extension modules come beside their sources. All that is
only on the way, mypy's cache and C, goes to BUILD_FOLDER.

Source: https://mypyc.readthedocs.io/en/latest/getting_started.html.
"""

import compileall
import os
import sys

from mypyc.build import mypycify
from setuptools import setup

_MYPY = (
    "--config-file=",  # nobody's own
    "--follow-imports=silent",  # what is imported but not compiled is checked elsewhere
    "--ignore-missing-imports",
)


def main(build: str, modules: list[str]) -> None:
    """Exits with 1, and mypy's or the C compiler's words, when something can't be compiled."""
    files = [module.replace(".", "/") + ".py" for module in modules]
    mypy = (*_MYPY, f"--cache-dir={os.path.join(build, 'mypy')}", *files)
    setup(
        name="compiled",
        packages=[],
        ext_modules=mypycify(
            list(mypy), target_dir=build, opt_level="2", debug_level="0", group_name="partyline"
        ),
        script_args=["build_ext", "--inplace", f"--build-temp={build}", f"--build-lib={build}"],
    )
    compileall.compile_dir(".", quiet=1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
