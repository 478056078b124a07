"""Calls that were really held: today's rules must read them, fold them and decide them the same."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.agent import Agent
from contracts.codec import Codec, decode_agent
from contracts.ids import CallId, TenantId
from contracts.recorded import Recorded
from services.call.replay import check, state_at
from services.call.state import Ended, Unopened, same_shape, state_hash

HISTORIES = sorted(Path(__file__).parent.glob("*.jsonl"))
CALL = CallId("recorded")


def read(file: Path) -> tuple[Agent, list[Recorded]]:
    first, *rest = (msgspec.json.decode(line) for line in file.read_bytes().splitlines())
    return decode_agent(first["agent"].encode()).agent, [_recorded(line) for line in rest]


def _recorded(line: dict[str, Any]) -> Recorded:
    payload = line["payload"].encode()
    return Recorded(
        tenant=TenantId("main"),
        call=CALL,
        family=line["family"],
        sequence=line["sequence"],
        stored_ms=line["stored_ms"],
        message=Codec().decode(CALL, payload),
        payload=payload,
    )


def test_there_are_recorded_calls() -> None:
    assert HISTORIES


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
def test_the_recorded_facts_lead_to_the_recorded_decisions_and_states(file: Path) -> None:
    agent, history = read(file)
    assert check(history, agent) == []


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
def test_the_state_is_the_one_the_live_actor_had(file: Path) -> None:
    _, history = read(file)
    decisions = [each for each in history if each.message.decision]
    for each in decisions:
        assert each.message.decision is not None
        recorded, now = each.message.decision.state, state_hash(state_at(history, each.sequence))
        assert recorded == now or not same_shape(recorded, now)
    assert isinstance(state_at(history), Ended)


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
def test_a_changed_decision_is_found(file: Path) -> None:
    agent, history = read(file)
    place = next(i for i, each in enumerate(history) if b"sentence_written" in each.payload)
    altered = history[place].payload.replace(b'"sentence":1', b'"sentence":9')
    message = Codec().decode(CALL, altered)
    history[place] = msgspec.structs.replace(history[place], payload=altered, message=message)
    assert check(history, agent)


def test_some_recorded_call_has_states_of_todays_shape() -> None:
    last = [read(file)[1][-1].message.decision for file in HISTORIES]
    now = state_hash(Unopened())
    assert any(decision and same_shape(decision.state, now) for decision in last)
