"""call events -> table timeline -> page calls"""

from collections.abc import Callable
from operator import attrgetter
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
_SHOWN_ELSEWHERE: Final = frozenset(("text", "heard", "question", "result", "voice"))


_encode: Final = msgspec.json.Encoder().encode
_raw: Final[Callable[[bytes], msgspec.Raw]] = msgspec.Raw


class _Type:
    """How events of a type become rows."""

    def __init__(self, event: type[Event]) -> None:
        self.tag = str(event.__struct_config__.tag)
        self.begin = len(f'{{"type":"{self.tag}","at_ms":')  # of its JSON
        self.shown: Callable[[Any], Any] | None
        self.shown = _found if event is PassagesFound else _shown(event)


def _shown(event: type[Event]) -> Callable[[Any], Any] | None:
    """Makes what is shown of an event of which not all is. None: all is, but type and time."""
    if _SHOWN_ELSEWHERE.isdisjoint(event.__struct_fields__):
        return None
    hidden = _SHOWN_ELSEWHERE | {"at_ms"}
    fields = [each for each in msgspec.structs.fields(event) if each.name not in hidden]
    values = attrgetter(*(each.name for each in fields))
    struct = msgspec.defstruct(event.__name__, map(_field, fields), omit_defaults=True)
    return lambda event: struct(*values(event))


def _field(of: msgspec.structs.FieldInfo) -> tuple[str, Any, Any]:
    """By place they all need a default; that of one that has none is no event's value."""
    if of.default_factory is not msgspec.NODEFAULT:
        return of.name, Any, msgspec.field(default_factory=of.default_factory)
    return of.name, Any, msgspec.UNSET if of.default is msgspec.NODEFAULT else of.default


def _found(event: PassagesFound) -> dict[str, Any]:
    passages = [
        {"source": f"{each.document}#{each.chunk}", "score": each.score} for each in event.passages
    ]
    return {"turn": event.turn, "passages": passages, "took_ms": event.took_ms}


_EVENTS: Final[tuple[type[Event], ...]] = get_args(CallEvent)
_TYPES: Final[dict[type[Any], _Type]] = {event: _Type(event) for event in _EVENTS}


class Began(msgspec.Struct):
    """A note: when the call's first event was, from which the others are counted."""

    tenant: str
    call: str
    at_ms: int = 0


def project(rows: Rows, recorded: Recorded, index: int, event: CallEvent) -> None:
    """A row for each event. Pure."""
    began = rows.find(Began) or _begin(rows, event)
    of_type, at_ms = _TYPES[type(event)], event.at_ms
    lane, label = told(event)
    row = TimelineRow(  # by place: names would take as long again
        rows.tenant,
        rows.call,
        recorded.sequence,
        index,
        moment(at_ms),
        at_ms - began.at_ms,
        lane,
        of_type.tag,
        label,
        _raw(_detail(event, of_type, at_ms)),
        moment(recorded.stored_ms),
    )
    rows.added.append(row)


def _begin(rows: Rows, event: CallEvent) -> Began:
    began = rows.of(Began)
    began.at_ms = event.at_ms
    return began


def _detail(event: CallEvent, of_type: _Type, at_ms: int) -> bytes:
    """The event's fields as JSON, but those that have columns of their own: type and time."""
    if of_type.shown is not None:
        return _encode(of_type.shown(event))
    whole: bytes = _encode(event)
    rest = of_type.begin + len(str(at_ms)) + 1  # behind the comma: all fields but these two
    return b"{" + whole[rest:] if rest < len(whole) else b"{}"


TIMELINE: Final = Projection(
    name="timeline",
    version=1,
    tables=(Table(name="timeline", row=TimelineRow, key=4),),
    reads=frozenset(_EVENTS),
    project=project,
)
