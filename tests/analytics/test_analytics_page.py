"""What docs/analytics.md tells newcomers to do is done here; docs/views.md is of these views."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

import services.cli  # noqa: F401 - brings all commands in
from projections.views.making import definitions
from projections.views.page import PAGE, render
from services.cli.program import app

_DOCS = Path(__file__).parents[2] / "docs"
_PAGE = (_DOCS / "analytics.md").read_text("utf-8")
_QUERIES = re.findall(r"```sql\n(.*?)```", _PAGE, re.S)
_COMMANDS = re.findall(r"^\./just partyline (.*)$", _PAGE, re.M)


@pytest.mark.parametrize("query", _QUERIES)
async def test_a_query_of_the_page_is_answered_to_an_analyst(analyst_dsn: str, query: str) -> None:
    db = await asyncpg.connect(analyst_dsn)
    rows = await db.fetch(query.replace("current_date", "date '2026-01-01'"))
    await db.close()
    assert rows


@pytest.mark.parametrize("words", _COMMANDS)
def test_a_command_of_the_page_is_one_the_program_takes(words: str) -> None:
    app.parse_args(shlex.split(words), exit_on_error=False, print_error=False)


def test_the_page_asks_and_commands_enough() -> None:
    assert len(_QUERIES) >= 8
    assert len(_COMMANDS) >= 5


def test_the_page_of_views_is_current_and_explains_every_view() -> None:
    assert PAGE.read_text("utf-8") == render(), "run 'just catalogue'"
    for name in definitions():
        assert f"\n## {name}\n" in render()


@pytest.mark.parametrize("module", ["projections.views.page", "infra.grafana.build"])
def test_just_check_finds_the_generated_files_current(module: str) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", module, "--check"], capture_output=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_every_file_the_page_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", _PAGE):
        assert (_DOCS / target).exists(), target
