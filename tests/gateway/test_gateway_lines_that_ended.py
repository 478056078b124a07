"""Calls whose line does not come back: they have ended, or the carrier sends nobody."""

import pytest
from gateway_house import House, only
from nats.aio.msg import Msg

from contracts.dialog import CallEnded, HangUpRequested
from contracts.ids import HostId
from contracts.line import LineAnswered, LineEnded, LineLost
from contracts.streams import host_subject


async def test_after_the_actor_hung_up_no_line_comes_back(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    media.reset()
    await house.until(document.call, LineLost)
    again = await twilio.after(document)
    await house.decide(document.call, HangUpRequested(at_ms=1, reason="goodbye"))
    assert await (await twilio.connect(again)).closed() == 1008
    assert (await twilio.after(again)).verbs == ["Hangup"]
    (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert ended.reason == "agent_hung_up"


@pytest.mark.parametrize("by", ["caller", "agent"])
async def test_a_call_that_was_ended_is_not_brought_back(house: House, by: str) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    if by == "caller":
        await media.hang_up()
    else:
        over = CallEnded(at_ms=1, reason="line_lost", phase="start", turns=0)
        await house.decide(document.call, over)
    await media.closed()
    assert (await twilio.after(document, CallStatus="in-progress")).verbs == ["Hangup"]
    assert len(only(LineEnded, await house.until(document.call, LineEnded))) == 1


async def test_an_end_that_is_written_while_the_holder_is_asked_counts(house: House) -> None:
    twilio = await house.twilio(await house.open())
    document = await twilio.ring()
    holder = HostId(f"gateway-{document.call}")
    await house.add(document.call, LineAnswered(at_ms=1, stream="MZ1"), by=holder)

    async def ends_it_and_has_it_no_more(question: Msg) -> None:
        await house.add(document.call, LineEnded(at_ms=2, reason="caller_hung_up"), by=holder)
        await question.respond(b"none")

    await house.bus.nc.subscribe(host_subject(holder), cb=ends_it_and_has_it_no_more)
    assert (await twilio.after(document, CallStatus="in-progress")).verbs == ["Hangup"]


async def test_a_caller_who_left_while_the_line_was_broken_ends_the_call(house: House) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    media.reset()
    await house.until(document.call, LineLost)
    assert (await twilio.after(document, CallStatus="completed")).verbs == ["Hangup"]
    (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert ended.reason == "caller_hung_up"


async def test_a_caller_whose_socket_is_never_taken_is_sent_again_a_few_times_only(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open())
    document = await twilio.ring()
    for attempt in range(2, 11):
        document = await twilio.after(document)
        assert document.verbs == ["Pause", "Connect", "Redirect"], attempt
        assert document.parameters["stint"] == "1"
    assert (await twilio.after(document)).verbs == ["Hangup"]
