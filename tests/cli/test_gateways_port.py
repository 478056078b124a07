"""Where a gateway listens when nobody says where, or where somebody is already."""

import errno
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from infra.data_folder import make_folders
from infra.nats_server import NatsServer
from services.cli import roles
from services.cli.places import Places
from services.cli.settings import Settings

pytestmark = pytest.mark.stack


@pytest.fixture
async def places(tmp_path: Path) -> AsyncIterator[Places]:
    server = NatsServer(make_folders(tmp_path / "log"), "secret")
    await server.start()
    yield Places(nats=server.url, postgres="", qdrant="")
    await server.stop()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


async def test_where_somebody_has_the_usual_port_a_gateway_takes_another(
    places: Places, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "_PREFERRED_PORT", taken)
    async with roles.serve_roles(("gateway",), places, Settings()) as running:
        assert int(running.url.rpartition(":")[2]) not in (0, taken)


async def test_a_port_that_was_asked_for_and_is_taken_is_refused(
    places: Places, taken: int
) -> None:
    with pytest.raises(OSError, match="in use") as refused:
        async with roles.serve_roles(("gateway",), places, Settings(port=taken)):
            pytest.fail("it listens where another does")
    assert refused.value.errno == errno.EADDRINUSE
