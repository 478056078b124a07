"""What an earlier PostgreSQL is given."""

import pytest

from projections import PROJECTIONS
from projections.projection import Projection
from projections.schema import understood


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda each: each.name)
def test_before_version_18_durations_are_stored_with_their_row(projection: Projection) -> None:
    definition = projection.definition
    assert understood(definition, 18) == definition
    assert "VIRTUAL" not in understood(definition, 17)
    assert understood(definition, 17).count("STORED") == len(_reckoned(definition))


def _reckoned(definition: str) -> list[str]:
    return definition.split("GENERATED ALWAYS AS")[1:]
