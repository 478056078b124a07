"""The page of all settings, made from their definitions: python -m services.cli.settings_page."""

import ast
import inspect
import sys
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from services.cli import settings
from services.cli.settings import Settings, is_secret, variable

PAGE: Final = Path(__file__).parent / "SETTINGS.md"
_HEAD: Final = """# Settings

Every setting is an environment variable; many are also options of a command (`--port 8080`), and an
option wins over its variable. The vendors' own names of keys (`DEEPGRAM_API_KEY`, `GROQ_API_KEY`,
`ELEVENLABS_API_KEY`, `TWILIO_ACCOUNT_SID`, `TWILIO_AUTH_TOKEN`) count too. This page is made from
`services/cli/settings.py` by `just catalogue`.

| variable | default | meaning |
|---|---|---|
"""


def render() -> str:
    """The page as Markdown."""
    meanings = _meanings()
    rows = []
    for field in msgspec.structs.fields(Settings):
        default = "secret, not set" if is_secret(field.name) else _text(field.default)
        rows.append(f"| `{variable(field.name)}` | {default} | {meanings[field.name]} |\n")
    return _HEAD + "".join(rows)


def _text(default: object) -> str:
    if default == "":
        return "not set"
    if isinstance(default, bool):
        return "`yes`" if default else "`no`"
    return f"`{default}`"


def _meanings() -> dict[str, str]:
    """The string below each field, which is where its meaning is written."""
    body = ast.parse(inspect.getsource(settings)).body
    found = next(n for n in body if isinstance(n, ast.ClassDef) and n.name == "Settings").body
    meanings = {}
    for field, below in pairwise(found):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(below, ast.Expr), f"{field.target.id} has no meaning"
            assert isinstance(below.value, ast.Constant)
            meanings[field.target.id] = str(below.value.value)
    return meanings


def main() -> None:
    """Write the page; with --check exit 1 when the one there is not current."""
    if "--check" not in sys.argv:
        PAGE.write_text(render())
    elif not PAGE.exists() or PAGE.read_text() != render():
        sys.exit(f"{PAGE.name} is not current: run 'just catalogue' and commit it.")


if __name__ == "__main__":
    main()
