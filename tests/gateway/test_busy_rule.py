"""When a further call is taken: given how it stood, when all is so late, then."""

import pytest

from services.gateway.busy import CALM_S, OPEN, Busy, Room, judge

LIMIT_MS = 100


@pytest.mark.parametrize(
    ("given", "late_ms", "then"),
    [
        pytest.param(OPEN, 100, OPEN, id="at the limit calls are taken"),
        pytest.param(OPEN, 101, Busy(), id="above it none is"),
        pytest.param(Busy(), 99, Busy(), id="just below it still none is"),
        pytest.param(Busy(), 50, Busy(7.0), id="at half of it the calm begins"),
        pytest.param(Busy(7.0 - CALM_S + 0.1), 0, Busy(7.0 - CALM_S + 0.1), id="calm too briefly"),
        pytest.param(Busy(7.0 - CALM_S), 0, OPEN, id="calm for long enough"),
        pytest.param(Busy(5.5), 51, Busy(), id="a calm that is broken begins anew"),
    ],
)
def test_refusing_begins_at_once_and_ends_after_a_calm(
    given: Room, late_ms: float, then: Room
) -> None:
    assert judge(given, late_ms, 7.0, LIMIT_MS) == then


def test_without_a_limit_nothing_is_ever_refused() -> None:
    assert judge(OPEN, 60_000, 7.0, 0) == OPEN
    assert judge(Busy(), 60_000, 7.0, 0) == OPEN


def test_rings_are_not_let_in_and_turned_away_by_turns() -> None:
    """Lateness that swings about the limit twice a second."""
    room: Room = OPEN
    seen = []
    for look in range(100):
        room = judge(room, 120 if look % 2 else 80, look * 0.25, LIMIT_MS)
        seen.append(isinstance(room, Busy))
    assert seen == [False] + [True] * 99
