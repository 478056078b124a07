"""The drive's own measurements, of a few calls and messages on real servers and roles."""

from pathlib import Path

import pytest

from loadtest.scale.hosts import staged
from loadtest.scale.idle import CLAIMED, idle, in_hand
from loadtest.scale.rates import alone, appends, frames, kept
from loadtest.scale.takeover import taken_over

pytestmark = [pytest.mark.stack, pytest.mark.timeout(90)]


async def test_appends_are_counted_with_their_cost_and_their_place_on_disk(tmp_path: Path) -> None:
    async with alone(tmp_path / "data") as servers:
        rate = await appends(servers, 300, 323)
    assert rate.messages == 300
    assert rate.per_s > 0
    assert rate.stored_bytes > 323


async def test_every_frame_of_sound_that_is_sent_is_captured(tmp_path: Path) -> None:
    async with alone(tmp_path / "data") as servers:
        rate = await frames(servers, 3_000)
    assert rate.messages == 3_000
    assert rate.stored_bytes > 173


async def test_a_server_finds_every_kept_subject_again(tmp_path: Path) -> None:
    found = await kept(tmp_path / "kept", 200, 323)
    assert found.subjects == 200
    assert found.start_s > 0


async def test_idle_calls_are_held_by_each_role_and_taken_over_when_one_dies(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path / "data", room=20) as stage:
        still = await idle(stage, 20, watch_s=1.0)
        assert await in_hand(stage) == 20 * len(CLAIMED)
        assert still.claim_msgs_per_s > 0
        assert still.mib_per_call.keys() == {"gateway", "stt", "dialog", "nats-server"}
        heirs = await taken_over(stage, 20)
        assert heirs.first_s <= heirs.half_s <= heirs.last_s
        assert await in_hand(stage) == 20 * len(CLAIMED)
