"""What the compose file and the README say is what the program takes."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli.program import app

REPOSITORY = Path(__file__).parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())[
    "services"
]
README = (REPOSITORY / "README.md").read_text()


@pytest.mark.parametrize("name", [n for n, s in SERVICES.items() if s.get("image") == "partyline"])
def test_a_containers_command_is_one_the_program_takes(name: str) -> None:
    command, arguments, _ = app.parse_args(
        SERVICES[name]["command"], exit_on_error=False, print_error=False
    )
    assert command.__name__ == "serve"
    assert arguments.arguments["roles"] == (name,)


def test_every_recipe_the_readme_names_exists() -> None:
    recipes = set(re.findall(r"^([a-z]+)[^:=\n]*:", (REPOSITORY / "Justfile").read_text(), re.M))
    named = set(re.findall(r"\./just ([a-z]+)", README))
    assert named
    assert named <= recipes


def test_every_partyline_command_the_readme_names_exists() -> None:
    for words in re.findall(r"(?:\./just partyline|partyline) ([a-z]+)", README):
        assert words in app or words == "is"


def test_every_file_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (REPOSITORY / target).exists(), target
