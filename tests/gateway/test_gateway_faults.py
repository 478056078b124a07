"""An error of our own in one line: that line ends, nobody else hears of it."""

import json

import pytest
from gateway_house import House, sound
from twilio_double import LOUD

from contracts.agent import Agent
from contracts.ids import CallId, HostId, new_call_id
from contracts.line import LineAnswered, LineEnded, LineLost
from services.audio.frames import AgentChunk, pack_agent
from services.audio.phrases import one_moment
from services.gateway.carriers.twilio import Twilio
from services.gateway.faults import alone, guarded
from services.gateway.journaling import Journaling, Patience, Told
from services.gateway.leg import Leg
from services.gateway.line import Line, Links
from services.gateway.standing import Standing


class Kept:
    """A wire that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.code = 0

    def send(self, message: bytes) -> None:
        self.sent.append(message)

    def send_instead(self, message: bytes) -> None:
        self.sent = [message]

    def close(self, code: int, reason: str) -> None:
        self.code = code


async def test_a_fault_in_a_line_loses_it_and_is_logged_without_its_text(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    call, wire = new_call_id(), Kept()
    line, journaling = _line(house, call, wire)
    await journaling.begin(_answer)
    line.begin()
    guarded(line, line.on_agent_audio)(pack_agent(AgentChunk(1, 1, 1, 0, True, 1, sound(100, 1))))
    assert json.loads(wire.sent[0])["event"] == "media"
    with alone(line):
        line.on_message(Twilio().media("MZ1", LOUD * 2))
    assert (line.over, wire.code) == ("fault in the gateway", 1000)
    await journaling.finish()
    assert LineLost in {type(event) for event in await house.events(call)}
    assert "fault: RuntimeError in _broken" in caplog.text
    assert "Lovelace" not in caplog.text


async def test_a_line_ended_while_it_is_answered_is_recorded_as_ended(house: House) -> None:
    call, wire = new_call_id(), Kept()
    line, journaling = _line(house, call, wire)
    line.end("shutdown")
    await journaling.begin(_answer)
    line.begin()
    await journaling.finish()
    assert [type(event) for event in await house.events(call)] == [LineAnswered, LineEnded]


async def test_a_line_that_is_never_answered_leaves_no_trace(house: House) -> None:
    call, wire = new_call_id(), Kept()
    line, journaling = _line(house, call, wire)
    line.on_agent_audio(pack_agent(AgentChunk(1, 1, 1, 0, True, 1, sound(100, 1))))
    line.end("refused")
    await journaling.finish()
    assert await house.events(call) == []
    assert wire.sent == []


def _line(house: House, call: CallId, wire: Kept) -> tuple[Line, Journaling]:
    journaling = Journaling(
        house.journal,
        house.tenant,
        call,
        HostId("gateway-test"),
        Standing(),
        Patience(1000, 30_000),
        Told(lambda: None, lambda: None, lambda: None, lambda stint: None),
    )
    journaling.start()
    links = Links(_broken, lambda: None, _always, one_moment)
    return Line(Leg(call, "MZ1", Twilio(), wire), Agent(name="a"), journaling, links), journaling


async def _always() -> bool:
    return True


def _answer(standing: Standing) -> tuple[LineAnswered]:
    return (LineAnswered(at_ms=1, stream="MZ1"),)


def _broken(frame: bytes) -> None:
    raise RuntimeError("Ada Lovelace called")
