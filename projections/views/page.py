"""The page of all views and their columns: python -m projections.views.page."""

import re
import sys
from pathlib import Path
from typing import Final

from projections.views.making import definitions

PAGE: Final = Path(__file__).parents[2] / "docs" / "views.md"
_HEAD: Final = """# The views for analysts

Each shows the rows of the reader's own tenant and no other's; [analytics.md](analytics.md) says
how to get in, and answers questions with them. The first column of time is the one that `partyline
export --since` and `--until` are about. A `day` and an `hour` are always UTC's. This page is made
from `projections/views/*.sql` by `just catalogue`.

"""
_COMMENT: Final = re.compile(
    r"COMMENT ON (VIEW|COLUMN) public\.(\w+)(?:\.(\w+))? IS '((?:[^']|'')*)';"
)


def render() -> str:
    """The page as Markdown."""
    views = sorted(definitions().items())
    index = "".join(f"- [`{name}`](#{name}): {_meaning(text)}\n" for name, text in views)
    return _HEAD + index + "".join(_section(name, text) for name, text in views)


def _section(name: str, text: str) -> str:
    rows = "".join(
        f"| `{column}` | {_cell(words)} |\n" for kind, column, words in _comments(text) if column
    )
    return f"\n## {name}\n\n{_meaning(text)}\n\n| column | meaning |\n|---|---|\n{rows}"


def _meaning(text: str) -> str:
    return next(words for kind, _, words in _comments(text) if kind == "VIEW")


def _comments(text: str) -> list[tuple[str, str, str]]:
    return [
        (each[1], each[3] or "", each[4].replace("''", "'")) for each in _COMMENT.finditer(text)
    ]


def _cell(words: str) -> str:
    words = words.replace("|", "\\|")
    return re.sub(r"^Personal data\.", "**Personal data.**", words)


def main() -> None:
    """Write the page; with --check exit 1 when the one there is not current."""
    if "--check" not in sys.argv:
        PAGE.write_text(render(), "utf-8")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != render():
        sys.exit(f"{PAGE.name} is not current: run 'just catalogue' and commit it.")


if __name__ == "__main__":
    main()
