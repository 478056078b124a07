"""call events -> table timeline -> page calls"""

from typing import Any, Final, get_args

import msgspec

from contracts.event import Event
from contracts.passages import PassagesFound
from contracts.recorded import CallEvent, Recorded
from projections.folding import Rows
from projections.moments import moment
from projections.projection import Projection, Table
from projections.timeline.labels import told
from projections.timeline.rows import TimelineRow

# In the label; in tool_runs; of no use to somebody who reads.
_SHOWN_ELSEWHERE: Final = ("text", "heard", "question", "result", "voice")


_EVENTS: Final[tuple[type[Event], ...]] = get_args(CallEvent)
_TAGS: Final = {event: str(event.__struct_config__.tag) for event in _EVENTS}
_HIDDEN: Final = {
    event: [name for name in _SHOWN_ELSEWHERE if name in event.__struct_fields__]
    for event in _EVENTS
}
_BEGUN: Final = {event: len(f'{{"type":"{tag}","at_ms":') for event, tag in _TAGS.items()}
_encode: Final = msgspec.json.Encoder().encode


class Began(msgspec.Struct):
    """A note: when the call's first event was, from which the others are counted."""

    tenant: str
    call: str
    at_ms: int = 0


def project(rows: Rows, recorded: Recorded, index: int, event: CallEvent) -> None:
    """A row for each event. Pure."""
    began = rows.find(Began) or _begin(rows, event)
    lane, label = told(event)
    row = TimelineRow(  # by place: names would take as long again
        recorded.tenant,
        recorded.call,
        recorded.sequence,
        index,
        moment(event.at_ms),
        event.at_ms - began.at_ms,
        lane,
        _TAGS[type(event)],
        label,
        _detail(event),
        moment(recorded.stored_ms),
    )
    rows.added.append(row)


def _begin(rows: Rows, event: CallEvent) -> Began:
    began = rows.of(Began)
    began.at_ms = event.at_ms
    return began


def _detail(event: CallEvent) -> msgspec.Raw:
    """The event's fields as JSON, but those that have columns of their own: type and time."""
    shown = _shown(event)
    if shown is not None:
        return msgspec.Raw(_encode(shown))
    told = _encode(event)
    rest = told.find(b",", _BEGUN[type(event)])  # behind the time: all fields but these two
    return msgspec.Raw(b"{" + told[rest + 1 :] if rest > 0 else b"{}")


def _shown(event: CallEvent) -> dict[str, Any] | None:
    """Of an event of which not all is shown."""
    if type(event) is PassagesFound:
        found = [
            {"source": f"{each.document}#{each.chunk}", "score": each.score}
            for each in event.passages
        ]
        return {"turn": event.turn, "passages": found, "took_ms": event.took_ms}
    hidden = _HIDDEN[type(event)]
    if not hidden:
        return None
    fields: dict[str, Any] = msgspec.to_builtins(event)
    del fields["type"], fields["at_ms"]
    for name in hidden:
        fields.pop(name, None)  # one that has its default is not there
    return fields


TIMELINE: Final = Projection(
    name="timeline",
    version=1,
    tables=(Table(name="timeline", row=TimelineRow, key=4),),
    reads=frozenset(_EVENTS),
    project=project,
)
