"""The catalogue: README.md and asyncapi.json beside this file, made from the contracts.

python -m contracts.catalogue            write both
python -m contracts.catalogue --check    exit 1 when one of them is not current
"""

import json
import sys
from pathlib import Path

from contracts import asyncapi, readme
from contracts.described import Undocumented


def generated() -> dict[str, str]:
    """The generated files by name. Raises Undocumented when the source leaves a gap."""
    document = json.dumps(asyncapi.document(), indent=1, ensure_ascii=False)
    return {"README.md": readme.page(), "asyncapi.json": document + "\n"}


def stale(folder: Path) -> list[str]:
    """The names of the generated files in `folder` that are missing or not current."""
    return [name for name, text in generated().items() if _text(folder / name) != text]


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def main(arguments: list[str], folder: Path) -> int:
    """Write or check the files in `folder`; the exit code."""
    match arguments:
        case []:
            for name, text in generated().items():
                (folder / name).write_text(text, encoding="utf-8")
            return 0
        case ["--check"]:
            old = stale(folder)
            if old:
                names = " and ".join(f"{folder.name}/{name}" for name in old)
                print(f"Not as the contracts say: {names}. Run ./just catalogue.", file=sys.stderr)
            return 1 if old else 0
        case _:
            print("usage: python -m contracts.catalogue [--check]", file=sys.stderr)
            return 2


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:], Path(__file__).parent))
    except Undocumented as gap:
        raise SystemExit(f"The catalogue has a gap: {gap}.") from None
