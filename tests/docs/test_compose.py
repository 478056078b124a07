"""docker-compose.yml: valid, complete, no default passwords, health checks that work."""

import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE = REPOSITORY / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
STORES = {"nats", "postgres", "qdrant"}


def house_roles() -> set[str]:
    """The siblings that the import contracts keep apart, and the projections."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    layers: list[str] = project["tool"]["importlinter"]["contracts"][0]["layers"]
    siblings = next(layer for layer in layers if "services.gateway" in layer)
    return {name.strip().removeprefix("services.") for name in siblings.split("|")} | {
        "projections"
    }


def run(command: list[str], cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=30, check=False)


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A loopback HTTP server that gives every request `status`; yields its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """The test's own output stays readable."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            serving.join()


def test_the_compose_file_fits_the_compose_specification() -> None:
    schema = ["--builtin-schema", "vendor.compose-spec"]
    checked = run([sys.executable, "-m", "check_jsonschema", *schema, str(COMPOSE)])
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_role_of_the_house_has_a_container_and_nothing_else_has() -> None:
    assert set(SERVICES) - STORES == house_roles()
    for role in house_roles():
        assert SERVICES[role]["command"] == ["serve", role]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_container_has_a_health_check_and_waits_for_the_health_of_others(
    service: str,
) -> None:
    definition = SERVICES[service]
    assert definition["healthcheck"]["test"][0] == "CMD"
    for other, wait in definition.get("depends_on", {}).items():
        assert other in STORES
        assert wait == {"condition": "service_healthy"}


def test_what_is_secret_is_required_and_has_no_default() -> None:
    variables = re.findall(r"\$\{(\w+)([^}]*)\}", COMPOSE.read_text())
    assert {name for name, _ in variables} == {
        "PARTYLINE_NATS_TOKEN",
        "PARTYLINE_POSTGRES_PASSWORD",
    }
    assert all(rest.startswith(":?") for _, rest in variables)


def test_only_the_gateway_is_published_and_only_to_this_machine() -> None:
    published = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}
    assert published == {"gateway": ["127.0.0.1:8080:8080"]}


def test_every_volume_is_declared_and_every_mounted_file_exists() -> None:
    declared = set(yaml.safe_load(COMPOSE.read_text())["volumes"])
    for definition in SERVICES.values():
        for volume in definition.get("volumes", []):
            source = volume.split(":")[0]
            assert source in declared or (REPOSITORY / source).is_file()
        if "build" in definition:
            assert (REPOSITORY / definition["build"]["dockerfile"]).is_file()


def test_the_nats_server_accepts_its_command_and_its_configuration() -> None:
    mounted = SERVICES["nats"]["volumes"][0].split(":")
    command = " ".join(SERVICES["nats"]["command"]).replace(mounted[1], mounted[0])
    arguments = re.sub(r"\$\{PARTYLINE_NATS_TOKEN[^}]*\}", "12e45", command).split()
    server = str(Path(sys.executable).with_name("nats-server"))
    checked = run([server, *arguments, "-t"])
    assert checked.returncode == 0, checked.stderr
    assert "sync_interval: always" in (REPOSITORY / mounted[0]).read_text()


def role_check(port: int) -> list[str]:
    test: list[str] = SERVICES["stt"]["healthcheck"]["test"][1:]
    python, *arguments = test
    assert python == "python"
    return ["env", f"PARTYLINE_HEALTH_PORT={port}", sys.executable, *arguments]


def qdrant_check(port: int) -> list[str]:
    """As the container runs it: compose turns $$ into $."""
    test: list[str] = SERVICES["qdrant"]["healthcheck"]["test"][1:]
    return [word.replace("6333", str(port)).replace("$$", "$") for word in test]


@pytest.mark.parametrize("check", [role_check, qdrant_check])
def test_a_health_check_tells_a_healthy_server_from_a_sick_one(check: Any) -> None:
    with answering(200) as port:
        assert run(check(port)).returncode == 0
    with answering(503) as sick:
        assert run(check(sick)).returncode != 0
    assert run(check(port)).returncode != 0  # nobody listens there any more
