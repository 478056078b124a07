"""A line is watched from ring to end, by whichever gateway has its claim."""

import asyncio
import signal
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from eventually import eventually_async
from gateway_house import House, only
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError
from twilio_double import Document, TwilioDouble

from contracts.event import AgentRef
from contracts.ids import AgentId, CallId, TenantId, new_call_id, new_host_id
from contracts.line import (
    CarrierReported,
    LineAnswered,
    LineEnded,
    LineLost,
    LineRang,
    LineResumed,
)
from contracts.streams import CLAIMS, KEYS, claim_subject, host_subject
from infra.beside import beside
from services.gateway.clock import now_ms
from services.gateway.holders import Holders
from services.gateway.settings import GatewaySettings
from services.gateway.standing import Standing
from services.gateway.watching import Owed, owed

ACCOUNT, SECRET = "AC" + "1" * 32, "an auth token"
RANG = LineRang(
    at_ms=1000, carrier="twilio", carrier_call="CA1", agent=AgentRef(agent=AgentId("a"), revision=1)
)
old_http = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning:twilio|aiohttp")
LOST = LineLost(at_ms=5000, reason="broken")


@pytest.mark.parametrize(
    ("standing", "due"),
    [
        (Standing(), None),
        (Standing(rang=RANG), Owed(66_000, "end", "line_lost")),
        (Standing(rang=RANG, completed=True), Owed(0, "end", "caller_hung_up")),
        (Standing(rang=RANG, stint=1), None),
        (Standing(rang=RANG, stint=1, completed=True), None),
        (Standing(rang=RANG, stint=1, lost=LOST), Owed(8_000, "call_back", "line_lost")),
        (Standing(rang=RANG, stint=1, lost=LOST, completed=True), Owed(0, "end", "caller_hung_up")),
    ],
)
def test_what_falls_due_follows_from_what_is_recorded(standing: Standing, due: Owed | None) -> None:
    assert owed(standing, GatewaySettings(), may_call_back=True) == due


def test_a_carrier_that_cannot_be_called_back_is_only_waited_for() -> None:
    standing = Standing(rang=RANG, stint=1, lost=LOST)
    end = Owed(35_000, "end", "line_lost")
    assert owed(standing, GatewaySettings(), may_call_back=False) == end


async def test_a_line_that_does_not_come_back_in_time_is_ended(house: House) -> None:
    twilio = await house.twilio(await house.open(return_ms=200))
    media, document = await house.answered(twilio)
    media.reset()
    events = await house.until(document.call, LineEnded)
    lost, ended = events[-2:]
    assert isinstance(lost, LineLost)
    assert isinstance(ended, LineEnded)
    assert ended.reason == "line_lost"
    assert ended.at_ms - lost.at_ms >= 200
    await _released(house, document.call)


async def test_a_line_that_came_back_is_not_ended(house: House) -> None:
    twilio = await house.twilio(await house.open(return_ms=2_000))
    media, document = await house.answered(twilio)
    media.reset()
    (lost,) = only(LineLost, await house.until(document.call, LineLost))
    back = await twilio.connect(await twilio.after(document))
    await house.until(document.call, LineResumed)

    async def deadline_is_past() -> bool:
        return now_ms() > lost.at_ms + 2_100

    await eventually_async(deadline_is_past)
    await back.hang_up()
    (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert ended.reason == "caller_hung_up"


async def test_the_carriers_word_that_the_call_is_over_ends_a_lost_line_at_once(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open())
    media, document = await house.answered(twilio)
    media.reset()
    await house.until(document.call, LineLost)
    form = {"CallSid": document.call_sid, "SequenceNumber": "3", "CallStatus": "completed"}
    await twilio.post("/twilio/status", form)
    (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert ended.reason == "caller_hung_up"


async def test_the_carriers_word_before_the_loss_ends_the_line_once_its_gateway_is_gone(
    house: House,
) -> None:
    twilio = await house.twilio(await house.open(gone_ms=300))
    document = await _held_by_a_dead_gateway(house, twilio)
    await house.add(document.call, CarrierReported(at_ms=1, status="completed", sequence=1))
    (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert ended.reason == "caller_hung_up"


async def test_a_gateway_that_does_not_answer_has_lost_its_line(house: House) -> None:
    twilio = await house.twilio(await house.open(gone_ms=300))
    document = await _held_by_a_dead_gateway(house, twilio)
    (lost,) = only(LineLost, await house.until(document.call, LineLost))
    assert lost.reason == "its gateway is gone"


async def test_a_gateway_that_answers_keeps_its_lines(house: House) -> None:
    here = await house.open(gone_ms=100)
    media, document = await house.answered(await house.twilio(here))
    other = await _held_by_a_dead_gateway(house, await house.twilio(here))
    await house.until(other.call, LineLost)
    await media.hang_up()
    assert not only(LineLost, await house.until(document.call, LineEnded))


async def test_a_gateway_that_misses_a_question_now_and_then_is_not_dead(house: House) -> None:
    host, call, asked = new_host_id("gateway"), new_call_id(), asyncio.Queue[Msg]()
    gone = asyncio.Event()
    await house.bus.nc.subscribe(host_subject(host), cb=asked.put)
    holders = Holders(house.bus, gone_s=1.5)
    holders.watch(host, call, gone.set)
    async with beside(holders.run()):
        for nth in range(6):  # every other question stays without an answer
            question = await asyncio.wait_for(asked.get(), 10)
            if nth % 2:
                await question.respond(b"held")
            assert not gone.is_set(), nth
        await asyncio.wait_for(gone.wait(), 10)


async def test_a_gateway_does_not_lose_its_own_lines_because_the_bus_is_silent(
    house: House,
) -> None:
    own, dead, call = new_host_id("gateway"), new_host_id("gateway"), new_call_id()
    gone, other_gone = asyncio.Event(), asyncio.Event()
    holders = Holders(house.bus, 0.3, {own: lambda _: "held"})  # nobody answers on the bus
    holders.watch(own, call, gone.set)
    holders.watch(dead, call, other_gone.set)
    async with beside(holders.run()):
        await asyncio.wait_for(other_gone.wait(), 10)
    assert not gone.is_set()


async def test_who_watches_next_comes_to_the_same_deadlines(house: House) -> None:
    async with house.another(return_ms=60_000, drain="end") as gateway:
        document = await _held_by_a_dead_gateway(house, await house.twilio(gateway))
        await house.add(document.call, LineLost(at_ms=now_ms() - 50_000, reason="broken"))
        assert not only(LineEnded, await house.events(document.call))
    await house.open(return_ms=1_000)
    await house.until(document.call, LineEnded)
    await _released(house, document.call)


async def test_a_watcher_that_is_killed_is_followed_by_another(house: House, nats_url: str) -> None:
    # Others seal calls in this log, and who has not their master key may not serve it.
    await house.bus.js.purge_stream(KEYS.name)
    async with _gateway_process(nats_url, house.tenant) as (child, url):
        twilio = await house.twilio_at(url)
        document = await twilio.ring()
        await _watched(house, document.call)
        child.kill()
        await child.wait()
    await house.open(unanswered_s=1)
    (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert ended.reason == "line_lost"


@old_http
async def test_a_line_lost_for_a_while_is_called_back_over_rest_and_comes_back(
    house: House,
) -> None:
    async with _rest() as (api, updates):
        gateway = await house.open(
            twilio_account_sid=ACCOUNT, twilio_auth_token=SECRET, twilio_url=api, call_back_ms=100
        )
        twilio = await house.twilio(gateway, auth_token=SECRET)
        media, document = await house.answered(twilio)
        media.reset()
        update = await asyncio.wait_for(updates.get(), 10)
        assert update["sid"] == document.call_sid
        path = update["Url"].removeprefix(gateway.url).partition("#")[0]
        again = await twilio.post(path, {"CallSid": document.call_sid, "CallStatus": "in-progress"})
        await twilio.connect(again)
        await house.until(document.call, LineResumed)
        assert updates.empty()


@old_http
@pytest.mark.parametrize(
    ("status", "code", "over"), [(404, 20404, True), (400, 21220, True), (500, 20500, False)]
)
async def test_a_call_the_carrier_no_longer_knows_is_over(
    house: House, status: int, code: int, over: bool
) -> None:
    async with _rest(status, code) as (api, updates):
        gateway = await house.open(
            twilio_account_sid=ACCOUNT,
            twilio_auth_token=SECRET,
            twilio_url=api,
            call_back_ms=50,
            return_ms=30_000 if over else 2_000,
        )
        twilio = await house.twilio(gateway, auth_token=SECRET)
        media, document = await house.answered(twilio)
        media.reset()
        await asyncio.wait_for(updates.get(), 10)
        (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert ended.reason == ("caller_hung_up" if over else "line_lost")


async def test_a_line_whose_own_gateways_are_all_gone_is_ended_by_another_tenants(
    house: House,
) -> None:
    async with house.another() as gateway:
        document = await _held_by_a_dead_gateway(house, await house.twilio(gateway))
        await house.add(document.call, LineLost(at_ms=now_ms(), reason="broken"))
    await house.open(tenant=TenantId("neighbour"), call_back_ms=50, return_ms=500)
    (ended,) = only(LineEnded, await house.until(document.call, LineEnded))
    assert ended.reason == "line_lost"


async def _held_by_a_dead_gateway(house: House, twilio: TwilioDouble) -> Document:
    document = await twilio.ring()
    await house.add(document.call, LineAnswered(at_ms=now_ms(), stream="MZ1"))
    return document


async def _released(house: House, call: str) -> None:
    """Wait until nobody has or wants the line's claim."""
    subject = claim_subject("line", house.tenant, CallId(call))

    async def gone() -> bool:
        try:
            await house.bus.js.get_last_msg(CLAIMS.name, subject)
        except NotFoundError:
            return True
        return False

    await eventually_async(gone)


async def _watched(house: House, call: str) -> None:
    """Wait until the line's claim has been handed out. That none is pending does not say so: the
    server counts one there some time after it has told the publisher that it is stored."""
    subject = claim_subject("line", house.tenant, CallId(call))
    stored = await house.bus.js.get_last_msg(CLAIMS.name, subject)

    async def handed_out() -> bool:
        info = await house.bus.js.consumer_info(CLAIMS.name, "claims-line")
        return info.delivered.stream_seq >= (stored.seq or 0)

    await eventually_async(handed_out)


@asynccontextmanager
async def _rest(
    status: int = 200, code: int = 0
) -> AsyncIterator[tuple[str, "asyncio.Queue[dict[str, Any]]"]]:
    """Twilio's call resource, strict in what it takes."""
    updates: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    right = "Basic " + b64encode(f"{ACCOUNT}:{SECRET}".encode()).decode()

    async def update(request: web.Request) -> web.Response:
        form = dict(await request.post())
        assert request.headers["Authorization"] == right
        assert request.content_type == "application/x-www-form-urlencoded"
        assert form.keys() == {"Url", "Method"}
        assert form["Method"] == "POST"
        updates.put_nowait({"sid": request.match_info["sid"], **form})
        answer = {"sid": request.match_info["sid"]} if status == 200 else {"code": code}
        return web.json_response({"message": "", **answer}, status=status)

    app = web.Application()
    app.add_routes([web.post(f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{{sid}}.json", update)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", updates
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _gateway_process(
    nats_url: str, tenant: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A gateway as a process of its own, and where it listens."""
    command = [sys.executable, "-m", "services.cli", "serve", "gateway"]
    child = await asyncio.create_subprocess_exec(
        *command, "--nats", nats_url, "--tenant", tenant, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = (await child.stdout.readline()).decode()
        yield child, line.split()[-1]
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGKILL)
        await child.wait()
