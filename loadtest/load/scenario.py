"""Who calls, when and in what manner: loadtest/scenarios/NAME.toml."""

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

FOLDER: Final = Path(__file__).parents[1] / "scenarios"
AGENT: Final = Path(__file__).parents[1] / "agents" / "scripted.toml"

Natural = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class NoScenario(Exception):
    """There is none of that name, or its file is not as it should be. Says which there are."""


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file."""


class Manner(_Table, frozen=True, kw_only=True):
    """How a caller behaves."""

    speech_ms: Annotated[int, msgspec.Meta(ge=40)] = 1_500  # of each turn
    pause_ms: Natural = 600  # between the end of a reply and the next turn
    barge_in: Share = 0.0  # of the replies, those that are interrupted
    barge_in_after_ms: Natural = 600  # of the reply
    key_every: Natural = 0  # every so many turns a key is pressed instead of speaking; 0: never
    lose_line_every: Natural = 0  # every so many turns the line breaks in mid-reply; 0: never
    pace: Annotated[float, msgspec.Meta(ge=0.1, le=10)] = 1.0  # times real time, of what is sent
    bunch_ms: Natural = 0  # sound sent together; 0: each 20 ms by itself
    reads: bool = True  # false: takes nothing off its socket once it has heard something
    starts: bool = True  # false: connects, and never sends `start`


class Strangers(_Table, frozen=True, kw_only=True):
    """Callers nobody wants, beside the others. Their own waits are not measured."""

    count: Natural
    manner: Manner
    arrive_s: Seconds = 1.0
    agent: Literal["", "endless"] = ""  # whom they call; empty: the same as all


class Fault(_Table, frozen=True, kw_only=True):
    """Something that is done beside the calls, see `loadtest/load/faults.py`."""

    what: Literal["postgres_stalls", "stt_stops_reading"]
    at_s: Seconds  # of the run
    lasts_s: Seconds


class Must(_Table, frozen=True, kw_only=True):
    """What must come of it, whatever the number of calls. None: not asked for."""

    wait_p99_ms: float | None = None
    late_pct: float | None = None
    lost: Natural | None = None
    doubled: Natural | None = None
    refused: Natural | None = None
    strangers_closed: Natural | None = None  # at least so many, by the system
    tables_behind_s: float | None = None  # after PostgreSQL stalled
    parked: Natural | None = None  # calls that a projection follows no more
    slow_consumers: Natural | None = None  # at least so many, cut off by NATS
    refused_least: Natural | None = None  # calls refused, at least


class Scenario(_Table, frozen=True, kw_only=True):
    """One file."""

    about: str
    calls: Annotated[int, msgspec.Meta(ge=0)] = 10  # at a time, unless --calls says otherwise
    length_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    arrive_s: Seconds = 5.0  # the calls ring one after the other within so long
    waves: Annotated[int, msgspec.Meta(ge=1)] = 1  # times they all ring, hang up and ring again
    manner: Manner = Manner()
    strangers: tuple[Strangers, ...] = ()
    faults: tuple[Fault, ...] = ()
    apart: bool = False  # a process for each role
    must: Must = Must()


def names() -> list[str]:
    """Of all scenarios."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def read(name: str) -> Scenario:
    """Raises NoScenario."""
    file = FOLDER / f"{name}.toml"
    if name not in names():
        raise NoScenario(f"There is no scenario {name!r}; there are {', '.join(names())}.")
    try:
        return msgspec.toml.decode(file.read_bytes(), type=Scenario)
    except (msgspec.ValidationError, msgspec.DecodeError) as bad:
        raise NoScenario(f"{file}: {bad}") from None
