"""Which master key a command takes, and what is told about it."""

from pathlib import Path

import pytest
from sealed_house import sealed_house

from infra.embedded import Addresses
from infra.master_key import make_master_key
from services.cli.places import of_stack
from services.cli.settings import Settings


def stack(data: Path) -> Addresses:
    return Addresses(
        nats_url="nats://secret@127.0.0.1:4222",
        nats_system_url="nats://sys:secret@127.0.0.1:4222",
        postgres_dsn="postgresql://",
        data=data,
        qdrant_path=data / "qdrant",
    )


def test_the_embedded_servers_log_is_sealed_by_their_own_key(tmp_path: Path) -> None:
    own = make_master_key(tmp_path)
    places = of_stack(stack(tmp_path), Settings())
    assert (places.master_key, places.seal) == (str(own), True)


def test_another_servers_log_is_not_sealed_by_the_embedded_ones_key(tmp_path: Path) -> None:
    make_master_key(tmp_path)
    assert of_stack(stack(tmp_path), Settings(nats="nats://elsewhere:4222")).master_key == ""


def test_the_file_that_is_named_is_taken(tmp_path: Path) -> None:
    make_master_key(tmp_path)
    settings = Settings(master_key_file="/run/secrets/master.key", seal=False)
    places = of_stack(stack(tmp_path), settings)
    assert (places.master_key, places.seal) == ("/run/secrets/master.key", False)


@pytest.mark.stack
async def test_the_doctor_says_whether_calls_are_sealed(tmp_path: Path, postgres_dsn: str) -> None:
    async with sealed_house(tmp_path / "log", postgres_dsn) as house:
        assert "in the clear" in (await house.partyline("doctor", sealed=False)).stdout
        sealed = (await house.partyline("doctor")).stdout
        assert "calls are sealed" in sealed
        assert house.master_key.read_text() not in sealed
        await house.call("+4930123456789")
        shut = await house.partyline("doctor", sealed=False)
        assert shut.returncode == 1
        assert "PARTYLINE_MASTER_KEY_FILE" in shut.stdout
