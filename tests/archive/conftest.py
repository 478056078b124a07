"""Places to archive in: a folder, and a bucket of a real S3 server on loopback."""

import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from archive_house import House, house
from eventually import eventually

from infra.loopback_ports import free_port


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[House]:
    """A log of this test's own."""
    async with house(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """moto's server in a process of its own; its address."""
    port = free_port()
    log = tmp_path_factory.mktemp("s3") / "server.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as server,
    ):
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(port), within_s=60)
        yield url
        server.terminate()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """An empty bucket, and the AWS_ variables that lead there; the setting that names it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    name = f"calls-{abs(hash(request.node.nodeid)):x}"
    made = urllib.request.Request(f"{s3_server}/{name}", method="PUT")
    with urllib.request.urlopen(made) as answer:
        assert answer.status == 200
    return f"s3://{name}/of/partyline"


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where to archive, once for each kind of store."""
    if request.param == "folder":
        return str(tmp_path / "archive")
    return str(request.getfixturevalue("bucket"))


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
