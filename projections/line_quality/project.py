"""line events -> table line_quality"""

from typing import Final, TypeAlias, get_args

import msgspec

from contracts.line import LineAnswered, LineEnded, LineLost, LineResumed
from contracts.recorded import Recorded
from projections.folding import Rows
from projections.line_quality.rows import StintRow
from projections.moments import moment
from projections.projection import Projection, Table

Read: TypeAlias = LineAnswered | LineResumed | LineLost | LineEnded


class Present(msgspec.Struct):
    """A note: the newest stint."""

    tenant: str
    call: str
    stint: int = 0  # 0: the line was never answered, or the log no longer tells


def project(rows: Rows, recorded: Recorded, index: int, event: Read) -> None:
    """The stint that the event begins or ends. Pure."""
    present = rows.of(Present)
    present.stint = present.stint or recorded.message.epoch
    match event:
        case LineAnswered():
            _begin(rows, recorded, event, 1)
        case LineResumed():
            if present.stint and (row := rows.known(StintRow, present.stint)):
                _come_back(row, event)
            _begin(rows, recorded, event, event.stint)
        case LineLost() | LineEnded() if present.stint:
            _end(rows.of(StintRow, present.stint), recorded.message.by, event)
        case _:
            pass


def _begin(rows: Rows, recorded: Recorded, event: LineAnswered | LineResumed, stint: int) -> None:
    rows.of(Present).stint = stint
    row = rows.of(StintRow, stint)
    row.gateway, row.began_at = recorded.message.by, moment(event.at_ms)


def _come_back(row: StintRow, event: LineResumed) -> None:
    row.back_at, row.unbroken = moment(event.at_ms), event.unbroken


def _end(row: StintRow, by: str, event: LineLost | LineEnded) -> None:
    if isinstance(event, LineEnded) and _tells_frames(row, by, event):
        row.frames, row.late_frames = event.frames, event.late_frames
        row.dropped_messages = event.dropped_messages
    if row.lost:
        return
    row.ended_at, row.reason = moment(event.at_ms), event.reason
    if isinstance(event, LineLost):
        row.lost, row.planned, row.reply = True, event.planned, event.reply


def _tells_frames(row: StintRow, by: str, event: LineEnded) -> bool:
    """Only the stint's own gateway knows; and it has forgotten when it waited for the caller."""
    return by == row.gateway and (event.frames > 0 or not row.lost)


LINE_QUALITY: Final = Projection(
    name="line_quality",
    version=1,
    tables=(Table(name="line_quality", row=StintRow, key=3),),
    reads=frozenset(get_args(Read)),
    project=project,
)
