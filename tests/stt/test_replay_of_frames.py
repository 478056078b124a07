"""Frames from before a host listened: from the stream, or from the gateway where it lost them."""

import pytest

from contracts.ids import CallId, TenantId, new_call_id
from contracts.streams import AUDIO, audio_subject
from infra.again import tell_again
from infra.nats import Bus, connect
from services.audio.frames import SILENT_FRAME, pack_caller
from services.stt.replay import fetch

AT_MS = 1_795_322_636_000


async def publish(gateway: Bus, subject: str, first: int, last: int) -> None:
    for number in range(first, last + 1):
        gateway.pub_kept(subject, pack_caller(number, AT_MS + 20 * number, SILENT_FRAME))
    await gateway.nc.flush()


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
