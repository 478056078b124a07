"""Webhooks: a ring becomes a call, and what the carrier reports afterwards."""

import asyncio

import pytest
from gateway_house import House, facts, only
from twilio_double import sid

from contracts.dialog import TransferRequested
from contracts.event import AgentRef
from contracts.ids import AgentId, CallId
from contracts.line import CarrierReported, LineEnded, LineRang
from contracts.streams import CLAIMS, claim_subject

SECRET = "an auth token"
PUBLIC = "https://voice.example.com"


async def test_a_ring_is_answered_with_a_stream_to_the_gateway(house: House) -> None:
    gateway = await house.open(public_origin=PUBLIC)
    twilio = await house.twilio(gateway)
    document = await twilio.ring()
    assert document.status == 200
    again = "#ct=1000&rt=4000&rc=3&rp=all"
    after = f"{PUBLIC}/twilio/after?call={document.call}&stint=1&try=1{again}"
    assert document.find("Connect/Stream").attrib == {
        "url": "wss://voice.example.com/twilio/media",
        "statusCallback": f"{PUBLIC}/twilio/stream?call={document.call}&stint=1{again}",
        "statusCallbackMethod": "POST",
    }
    assert document.find("Connect").attrib == {"action": after, "method": "POST"}
    assert (document.verbs, document.find("Redirect").text) == (["Connect", "Redirect"], after)
    assert document.parameters.keys() == {"call", "stint", "token"}


async def test_a_ring_is_in_the_log_and_offered_to_its_hosts_before_it_is_answered(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open())
    document = await twilio.ring("?var_name=Ada", call_sid="CA" + house.tenant)
    (rang,) = await house.events(document.call)
    assert facts(rang) == {
        "carrier": "twilio",
        "carrier_call": "CA" + house.tenant,
        "direction": "inbound",
        "caller": "+15551230001",
        "called": "+15551230002",
        "agent": AgentRef(agent=AgentId("receptionist"), revision=1),
        "variables": {"name": "Ada"},
    }
    for role in ("stt", "dialog", "line"):
        subject = claim_subject(role, house.tenant, CallId(document.call))
        assert await house.bus.js.get_last_msg(CLAIMS.name, subject)


async def test_a_webhook_sent_again_is_the_same_call_at_any_gateway(house: House) -> None:
    here, there = await house.open(), await house.open()
    call_sid = sid("CA")
    first = await (await house.twilio(here)).ring(call_sid=call_sid)
    again = await (await house.twilio(here)).ring(call_sid=call_sid)
    elsewhere = await (await house.twilio(there)).ring(call_sid=call_sid)
    assert first.call == again.call == elsewhere.call
    assert len(only(LineRang, await house.events(first.call))) == 1
    assert first.parameters["token"] != again.parameters["token"]


async def test_the_newest_revision_of_the_agent_named_takes_the_call(house: House) -> None:
    await house.publish(title="Praxis")
    twilio = await house.twilio(await house.open(agent="nobody"))
    document = await twilio.ring("?agent=receptionist")
    (rang,) = only(LineRang, await house.events(document.call))
    assert rang.agent == AgentRef(agent=AgentId("receptionist"), revision=2)


async def test_a_ring_for_an_unknown_agent_is_declined_in_words(house: House) -> None:
    twilio = await house.twilio(await house.open())
    assert (await twilio.ring("?agent=nobody")).verbs == ["Say", "Hangup"]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("?agent=../x", {}),
        ("", {"CallSid": ""}),
        ("", {"CallSid": "CA 1"}),
        ("", {"CallSid": "C" * 65}),
        ("", {"From": "+1" * 200}),
        ("", {"To": "+1\x00"}),
        ("?var_a%20b=1", {}),
        ("?var_a=" + "x" * 501, {}),
        ("?" + "&".join(f"var_{n}=1" for n in range(21)), {}),
    ],
)
async def test_a_ring_with_fields_out_of_bounds_is_refused(
    house: House, query: str, fields: dict[str, str]
) -> None:
    twilio = await house.twilio(await house.open())
    document = await twilio.ring(query, **fields)
    assert document.status == 400
    assert "+1" not in document.text


async def test_a_form_that_is_none_is_refused(house: House) -> None:
    gateway = await house.open()
    twilio = await house.twilio(gateway)
    for body in (b"\xff=\xfe%", b"x" * 100_000):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        async with twilio.http.post(
            gateway.url + "/twilio/voice", data=body, headers=headers
        ) as answer:
            assert answer.status in (400, 413)


async def test_only_what_twilio_signed_for_the_public_address_is_taken(house: House) -> None:
    gateway = await house.open(twilio_auth_token=SECRET, public_origin=PUBLIC)
    right = await house.twilio(gateway, auth_token=SECRET, public_origin=PUBLIC)
    forged = await house.twilio(gateway, auth_token="another", public_origin=PUBLIC)
    elsewhere = await house.twilio(gateway, auth_token=SECRET, public_origin="https://other.com")
    unsigned = await house.twilio(gateway)
    assert (await right.ring("?var_a=1")).status == 200
    for wrong in (forged, elsewhere, unsigned):
        for path in ("/twilio/voice", "/twilio/after", "/twilio/status"):
            assert (await wrong.post(path, {"CallSid": sid("CA")})).status == 403


async def test_a_signed_form_cannot_be_changed(house: House) -> None:
    gateway = await house.open(twilio_auth_token=SECRET, public_origin=PUBLIC)
    twilio = await house.twilio(gateway, auth_token=SECRET, public_origin=PUBLIC)
    signed = twilio.signed(PUBLIC + "/twilio/voice", {"CallSid": "CA1", "From": "+1"})
    changed = await twilio.post("/twilio/voice", {"CallSid": "CA1", "From": "+2"}, signed)
    assert changed.status == 403


async def test_a_shared_key_signs_as_well_where_one_is_configured(house: House) -> None:
    gateway = await house.open(
        twilio_auth_token=SECRET, twilio_shared_key="a key", public_origin=PUBLIC
    )
    twilio = await house.twilio(gateway, auth_token="a key", public_origin=PUBLIC)
    form = {"CallSid": sid("CA")}
    assert twilio.sign is not None
    signature = twilio.sign.compute_signature(PUBLIC + "/twilio/voice", form, "HMAC_SHA256")
    headers = {
        "X-Twilio-Signature": signature,
        "X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=HMAC_SHA256",
    }
    assert (await twilio.post("/twilio/voice", form, headers)).status == 200
    headers["X-Twilio-Webhooks-Signature-Settings"] = "key=k,algorithm=HMAC_MD5"
    assert (await twilio.post("/twilio/voice", form, headers)).status == 403


async def test_status_reports_are_recorded_once_each_in_whatever_order(house: House) -> None:
    twilio = await house.twilio(await house.open())
    document = await twilio.ring()

    async def report(number: int, status: str, **more: str) -> int:
        form = {"CallSid": document.call_sid, "SequenceNumber": str(number), "CallStatus": status}
        return (await twilio.post("/twilio/status", form | more)).status

    statuses = [
        await report(2, "in-progress"),
        await report(1, "ringing"),
        await report(2, "in-progress"),
        await report(3, "completed", CallDuration="7"),
    ]
    assert statuses == [204] * 4
    reports = only(CarrierReported, await house.events(document.call))
    assert [(r.sequence, r.status, r.duration_s) for r in reports] == [
        (2, "in-progress", None),
        (1, "ringing", None),
        (3, "completed", 7),
    ]


async def test_a_report_finds_its_call_at_another_gateway_by_the_address(house: House) -> None:
    here, there = await house.open(), await house.open()
    document = await (await house.twilio(here)).ring()
    twilio = await house.twilio(there)
    form = {"CallSid": document.call_sid, "SequenceNumber": "1", "CallStatus": "ringing"}
    await twilio.post(f"/twilio/status?call={document.call}", form)
    assert only(CarrierReported, await house.events(document.call))


async def test_a_report_of_an_unknown_call_is_taken_and_recorded_nowhere(house: House) -> None:
    twilio = await house.twilio(await house.open())
    document = await twilio.ring()
    form = {"CallSid": sid("CA"), "SequenceNumber": "1", "CallStatus": "ringing"}
    assert (await twilio.post("/twilio/status", form)).status == 204
    assert (await twilio.post(f"/twilio/status?call={document.call}", form)).status == 204
    assert not only(CarrierReported, await house.events(document.call))


@pytest.mark.parametrize(
    "change",
    [{"CallStatus": "singing"}, {"SequenceNumber": "-1"}, {"CallDuration": "x"}, {"CallSid": ""}],
)
async def test_a_report_out_of_bounds_is_refused(house: House, change: dict[str, str]) -> None:
    twilio = await house.twilio(await house.open())
    form = {"CallSid": sid("CA"), "SequenceNumber": "1", "CallStatus": "ringing"}
    assert (await twilio.post("/twilio/status", form | change)).status == 400


async def test_a_caller_who_hangs_up_before_the_sound_comes_ends_the_call(house: House) -> None:
    twilio = await house.twilio(await house.open())
    document = await twilio.ring()
    form = {"CallSid": document.call_sid, "SequenceNumber": "3", "CallStatus": "completed"}
    await twilio.post("/twilio/status", form)
    await twilio.post("/twilio/status", form)
    (ended,) = only(LineEnded, await house.events(document.call))
    assert ended.reason == "caller_hung_up"


async def test_a_call_whose_sound_never_comes_is_ended(house: House) -> None:
    twilio = await house.twilio(await house.open(token_ttl_s=1, unanswered_s=1))
    document = await twilio.ring()
    events = await house.until(document.call, LineEnded)
    assert only(LineEnded, events)[0].reason == "line_lost"


async def test_after_the_stream_a_transfer_is_dialled(house: House) -> None:
    twilio = await house.twilio(await house.open())
    asked = await twilio.ring()
    await house.decide(asked.call, TransferRequested(at_ms=1, to="+15559990000", reason="asked"))
    after = await twilio.post(f"/twilio/after?call={asked.call}", {"CallSid": asked.call_sid})
    assert after.find("Dial").text == "+15559990000"


async def test_a_call_that_is_unknown_here_or_of_another_carrier_call_is_hung_up(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open())
    mine, other = await twilio.ring(), await twilio.ring()
    for path in ("/twilio/after", f"/twilio/after?call={other.call}"):
        over = await twilio.post(path, {"CallSid": sid("CA")})
        assert over.verbs == ["Hangup"]
    assert (await twilio.post(f"/twilio/after?call={mine.call}", {"CallSid": mine.call_sid})).verbs


async def test_a_gateway_tells_that_it_is_well(house: House) -> None:
    gateway = await house.open()
    twilio = await house.twilio(gateway)
    async with asyncio.timeout(5), twilio.http.get(gateway.url + "/healthz") as answer:
        assert answer.status == 200
        told = await answer.json()
    assert told.pop("late_ms") >= 0
    assert told == {"ok": True, "lines": 0, "busy": False, "refused": 0}
