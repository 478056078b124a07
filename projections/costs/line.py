"""The line's own time: what carriers bill, and what continuous recognisers are fed."""

from contracts.dialog import CallEnded
from contracts.line import CarrierReported, LineAnswered, LineEnded, LineLost, LineResumed
from projections.costs.rows import Hearing, LineTime, Rung, use
from projections.folding import Rows


def flow(rows: Rows, event: LineAnswered | LineLost | LineResumed) -> None:
    """Audio begins to flow, or stops. A line that was only thought lost flowed all the while."""
    line = rows.of(LineTime)
    match event:
        case LineAnswered():
            line.since_ms = event.at_ms
        case LineLost() if line.since_ms is not None:
            line.ms += event.at_ms - line.since_ms
            line.since_ms, line.lost_ms = None, event.at_ms
        case LineResumed() if line.since_ms is None:
            line.since_ms = line.lost_ms if event.unbroken and line.lost_ms else event.at_ms


def end(rows: Rows, event: LineEnded | CallEnded) -> None:
    """The dialog's end of the call gives way to the line's, in whichever order they come."""
    line = rows.of(LineTime)
    by_line = isinstance(event, LineEnded)
    if line.ended and not by_line:
        return
    line.ended = line.ended or by_line
    under_way_ms = event.at_ms - line.since_ms if line.since_ms is not None else 0
    seconds = max(line.ms + under_way_ms, 0) / 1000
    if not seconds:
        return
    use(rows, "stt", rows.of(Hearing).provider, "line_seconds").quantity = seconds
    if not line.billed:
        _carry(rows, seconds, estimated=True)


def bill(rows: Rows, event: CarrierReported) -> None:
    """What the carrier bills counts, whenever it tells."""
    if event.duration_s is not None:
        rows.of(LineTime).billed = True
        _carry(rows, event.duration_s, estimated=False)


def _carry(rows: Rows, seconds: float, *, estimated: bool) -> None:
    carrier = rows.of(Rung).carrier
    minutes_begun = -(-seconds // 60)
    for unit, quantity in (("seconds", seconds), ("minutes_begun", minutes_begun)):
        row = use(rows, "carrier", carrier, unit)
        row.quantity, row.estimated = float(quantity), estimated
