"""Frames from before a host listened: from the stream, or from the gateway where it lost them."""

import pytest
from eventually import eventually_async
from nats.js.errors import NotFoundError

from contracts.ids import CallId, TenantId, new_call_id
from contracts.streams import AUDIO, audio_subject
from infra.again import tell_again
from infra.direct_get import direct_get
from infra.journal import stored_ms_of
from infra.nats import Bus, connect
from services.audio.frames import SILENT_FRAME, pack_caller
from services.stt import replay
from services.stt.replay import fetch

AT_MS = 1_795_322_636_000


async def publish(gateway: Bus, subject: str, first: int, last: int) -> None:
    """Returns when the stream has them, some time after the server has."""
    frames = [
        pack_caller(number, AT_MS + 20 * number, SILENT_FRAME) for number in range(first, last + 1)
    ]
    for frame in frames:
        gateway.pub_kept(subject, frame)
    if not frames:
        return

    async def captured() -> bool:
        try:
            return (await gateway.js.get_last_msg(AUDIO.name, subject)).data == frames[-1]
        except NotFoundError:
            return False

    await eventually_async(captured)


@pytest.mark.parametrize(("lost", "wanted"), [(20, 5), (40, 5), (20, 21)])
async def test_a_stream_made_anew_lacks_frames_that_the_gateway_still_has(
    bus: Bus, nats_url: str, tenant: str, lost: int, wanted: int
) -> None:
    """Also where what the stream has since then is without a gap."""
    call = CallId(new_call_id())
    subject = audio_subject(TenantId(tenant), call, "caller")
    gateway = await connect(nats_url, name="gateway")
    await tell_again(gateway)
    await publish(gateway, subject, 1, lost)
    await bus.js.purge_stream(AUDIO.name, subject=subject)
    await publish(gateway, subject, lost + 1, 40)
    fetched = await fetch(bus, TenantId(tenant), call, wanted)
    await gateway.close()
    assert [frame.number for frame in fetched.frames] == list(range(wanted, 41))


async def test_frames_from_before_a_long_pause_of_the_sound_are_found(
    bus: Bus, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were stored earlier than their distance from the newest one tells."""
    call = CallId(new_call_id())
    await publish(bus, audio_subject(TenantId(tenant), call, "caller"), 1, 40)
    monkeypatch.setattr(replay, "_MARGIN_MS", -60_000)
    fetched = await replay.fetch(bus, TenantId(tenant), call, 5)
    assert [frame.number for frame in fetched.frames] == list(range(5, 41))


async def test_stored_messages_are_read_from_a_time_on(bus: Bus, tenant: str) -> None:
    call = CallId(new_call_id())
    subject = audio_subject(TenantId(tenant), call, "caller")
    await publish(bus, subject, 1, 300)
    stored = [m async for m in direct_get(bus, AUDIO.name, subject, most=400, wait_s=1)]
    since_ms = (stored_ms_of(stored[0]) + stored_ms_of(stored[-1])) / 2
    later = direct_get(bus, AUDIO.name, subject, start_ms=since_ms, most=400, wait_s=1)
    found = [m.data async for m in later]
    assert 0 < len(found) < 300
    assert found == [m.data for m in stored[-len(found) :]]
