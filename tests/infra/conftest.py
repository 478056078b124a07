"""Three nodes, for every test that asks for them."""

import shutil
from collections.abc import Iterator

import pytest
from stack_in_a_thread import stack_in_a_thread

from infra.embedded import Addresses


@pytest.fixture(scope="session")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """One cluster for the whole run. Who ends a node leaves all three working: see Town.whole."""
    data = tmp_path_factory.mktemp("three-nodes")
    with stack_in_a_thread(data, 3) as addresses:
        yield addresses
    shutil.rmtree(data)
