"""What telemetry was told, for every test that asks for it."""

import pytest
from told_telemetry import Told


@pytest.fixture(scope="session")
def kept() -> Told:
    return Told()


@pytest.fixture
def told(kept: Told) -> Told:
    kept.clear()
    return kept
