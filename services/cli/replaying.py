"""partyline replay: what happened in a call, and the actor's exact state at any event."""

from typing import Any

import msgspec
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from contracts.ids import CallId, checked
from contracts.line import LineRang
from contracts.recorded import CallEvent, Recorded
from infra.agents import Agents
from infra.nats import connect
from projections.timeline.labels import entry
from services.call.replay import Mismatch, check, state_at, was_erased
from services.call.state import CallState, Ended, Unopened, state_hash
from services.cli.archiving import archive_of
from services.cli.places import find
from services.cli.recorded import history, numbered, state_after
from services.cli.sealing import journal_of
from services.cli.settings import Settings
from services.cli.terminal import out


async def replay(settings: Settings, call: str, at: int | None, as_json: bool) -> int:
    """Print the call, or its state after event `at`. Exit code 1 when it does not add up."""
    call_id = CallId(checked("call", call))
    places = find(settings, "nats")
    bus = await connect(places.nats, name="partyline replay")
    try:
        journal = journal_of(bus, places)
        archive = archive_of(settings, journal.codec)
        recorded = await history(journal, settings.tenant, call_id, archive)
        if at is not None:
            _print_state(state_after(recorded, at), at, as_json)
            return 0
        wrong = await _check(Agents(bus), settings, recorded)
    finally:
        await bus.close()
    if as_json:
        _print_json(recorded, wrong)
    else:
        _print_timeline(recorded, wrong)
    return 1 if wrong else 0


async def _check(agents: Agents, settings: Settings, recorded: list[Recorded]) -> list[Mismatch]:
    rang = next((e for _, _, e in numbered(recorded) if isinstance(e, LineRang)), None)
    if rang is None:
        return []
    return check(recorded, await agents.get(settings.tenant, rang.agent))


def _print_state(state: CallState, at: int, as_json: bool) -> None:
    body = {"at": at, "hash": state_hash(state), "state": msgspec.to_builtins(state)}
    if as_json:
        out.out(msgspec.json.encode(body).decode())
    else:
        out.print_json(msgspec.json.encode(body).decode())


def _print_json(recorded: list[Recorded], wrong: list[Mismatch]) -> None:
    state = state_at(recorded)
    body: dict[str, Any] = {
        "call": recorded[0].call,
        "events": [_event_json(*each) for each in numbered(recorded)],
        "state": msgspec.to_builtins(state),
        "hash": state_hash(state),
        "mismatches": msgspec.to_builtins(wrong),
    }
    out.out(msgspec.json.encode(body).decode())


def _event_json(number: int, recorded: Recorded, event: CallEvent) -> dict[str, Any]:
    return {
        "number": number,
        "sequence": recorded.sequence,
        "family": recorded.family,
        "by": recorded.message.by,
        "stored_ms": recorded.stored_ms,
        "event": msgspec.to_builtins(event),
    }


def _print_timeline(recorded: list[Recorded], wrong: list[Mismatch]) -> None:
    table = Table(title=f"Call {recorded[0].call}", title_justify="left", box=SIMPLE)
    for name in ("event", "offset s"):
        table.add_column(name, justify="right")
    for name in ("lane", "type", "what"):
        table.add_column(name, no_wrap=name == "type")
    rang_ms = recorded[0].stored_ms
    for number, message, event in numbered(recorded):
        lane, label = entry(event)
        offset = f"{(message.stored_ms - rang_ms) / 1000:+.3f}"
        tag = str(event.__struct_config__.tag)
        table.add_row(str(number), offset, lane, tag.partition("/")[0], escape(label))
    out.print(table)
    _print_verdict(recorded, wrong)


def _print_verdict(recorded: list[Recorded], wrong: list[Mismatch]) -> None:
    state = state_at(recorded)
    decisions = sum(1 for each in recorded if each.message.decision)
    situation = type(state).__name__.lower()
    reason = f" ({state.reason})" if isinstance(state, Ended) else ""
    if not isinstance(state, Unopened):
        out.print(f"The call is {situation}{reason}; state {state_hash(state)}.")
    if wrong:
        places = ", ".join(f"{each.wrong} at {each.sequence}" for each in wrong)
        out.print(f"[red]{len(wrong)} of {decisions} decisions do not add up: {places}[/red]")
    elif was_erased(recorded):
        out.print(
            f"The call was erased: its {decisions} decisions are numbered and chained as ever."
        )
    else:
        out.print(f"All {decisions} decisions follow from the recorded facts.")
    out.print("The state after event N: add --at N")
