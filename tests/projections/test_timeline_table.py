"""What the table timeline says about a call, event by event."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from stories import TENANT, Story, at, question_answered

from contracts import line
from contracts.recorded import CallEvent
from infra.postgres import Pool
from projections.folding import Rows
from projections.timeline import read
from projections.timeline.labels import entry
from projections.timeline.project import TIMELINE
from projections.timeline.rows import TimelineRow

GOLDEN = Path(__file__).parents[1] / "contracts" / "golden"  # each version of every event
EVENT = msgspec.json.Decoder(CallEvent)
LANES = {"line", "caller", "agent", "dialog", "knowledge", "tool", "outcome"}


async def rows_of(pool: Pool, story: Story) -> tuple[read.Moment, ...]:
    await story.remembered(pool, TIMELINE)
    return await read.of_call(pool, TENANT, story.call)


@pytest.mark.stack
async def test_every_event_has_a_row_at_its_place_in_the_log(pool: Pool) -> None:
    story = question_answered()
    rows = await rows_of(pool, story)
    assert [(row.sequence, row.index) for row in rows] == [
        (recorded.sequence, index) for recorded in story.messages for index, _ in recorded.events()
    ]
    assert {row.lane for row in rows} <= LANES


@pytest.mark.stack
async def test_moments_are_counted_from_the_ring(pool: Pool) -> None:
    rows = await rows_of(pool, question_answered())
    assert [row.offset_ms for row in rows[:3]] == [0, 20, 29]
    assert rows[-1].offset_ms == 9_025


@pytest.mark.stack
async def test_a_call_whose_ring_has_expired_counts_from_what_is_kept(pool: Pool) -> None:
    answered = line.LineAnswered(at_ms=at(20), stream="MZ1")
    story = Story().stored(21, answered).stored(31, line.LineLost(at_ms=at(30), reason="closed"))
    assert [row.offset_ms for row in await rows_of(pool, story)] == [0, 10]


def written() -> Iterator[tuple[CallEvent, dict[str, Any]]]:
    """Events, and as they are stored."""
    for file in GOLDEN.iterdir():
        with contextlib.suppress(msgspec.ValidationError):  # another kind of message, a retired one
            yield EVENT.decode(file.read_bytes()), msgspec.json.decode(file.read_bytes())


@pytest.mark.parametrize(("event", "stored"), list(written()), ids=lambda each: type(each).__name__)
def test_the_detail_is_what_no_other_column_tells(event: CallEvent, stored: dict[str, Any]) -> None:
    rows = Rows("t", "c")
    fold = Story().stored(1, event).messages[0]
    TIMELINE.project(rows, fold, 0, event)
    (row,) = rows.added
    assert isinstance(row, TimelineRow)
    detail = msgspec.json.decode(row.detail)
    elsewhere = {"type", "at_ms", "text", "heard", "question", "result", "voice", "passages"}
    assert detail.keys() - {"passages"} == stored.keys() - elsewhere
    assert all(detail[name] == stored[name] for name in stored.keys() - elsewhere)


@pytest.mark.stack
async def test_a_label_says_what_was_said_and_the_detail_does_not_repeat_it(pool: Pool) -> None:
    rows = {row.type: row for row in await rows_of(pool, question_answered())}
    assert rows["line.rang/1"].label == "rings: +15550100 for receptionist"
    understood = rows["dialog.turn_taken/1"]
    assert understood.label == "turn 1: price: what is a check-up"
    assert "text" not in understood.detail
    assert understood.detail["slots"] == {"treatment": "check-up"}
    assert rows["passages.found/1"].detail == {
        "turn": 1,
        "took_ms": 3.0,
        "passages": [{"source": "prices#4", "score": 7.5}, {"source": "prices#1", "score": 2.5}],
    }


@pytest.mark.stack
async def test_how_long_events_took_to_become_rows_is_known_for_each_call(pool: Pool) -> None:
    story = question_answered()
    rows = await rows_of(pool, story)
    took = await read.event_to_row(pool, TENANT, story.call)
    assert took is not None
    assert took.events == len(rows)
    assert 0 < took.p50 <= took.p99
    assert await read.event_to_row(pool, TENANT, Story().call) is None


def test_every_event_there_is_has_a_lane_and_a_label() -> None:
    for event_type in CallEvent.__args__:
        event = msgspec.convert(_least(event_type), event_type)
        lane, label = entry(event)
        assert lane in LANES, event_type
        assert label, event_type


def _least(struct: type) -> dict[str, object]:
    """The smallest object a contract takes."""
    wanted = {"type": struct.__struct_config__.tag} if struct.__struct_config__.tag else {}
    for field in msgspec.structs.fields(struct):
        if field.required:
            wanted[field.encode_name] = _least_value(msgspec.inspect.type_info(field.type))
    return wanted


def _least_value(kind: msgspec.inspect.Type) -> object:
    match kind:
        case msgspec.inspect.Metadata():
            return _least_value(kind.type)
        case msgspec.inspect.LiteralType():
            return kind.values[0]
        case msgspec.inspect.StructType():
            return _least(kind.cls)
        case msgspec.inspect.StrType():
            return "x"
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return 1
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.DictType():
            return {}
        case _:
            return ()
