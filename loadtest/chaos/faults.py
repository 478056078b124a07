"""Which fault comes when: a schedule that a seed decides. Pure."""

import random
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, cast

import msgspec

Kind = Literal["kill", "pause", "restart", "cut", "nats", "postgres"]
KINDS: Final[Mapping[Kind, int]] = {  # how often each, beside the others
    "kill": 8,
    "pause": 5,
    "restart": 4,
    "cut": 4,
    "nats": 2,
    "postgres": 1,
}
MEANING: Final[Mapping[Kind, str]] = {
    "kill": "kill -9 of a role, started again later",
    "pause": "SIGSTOP of a role, SIGCONT later",
    "restart": "SIGTERM of a role, started again",
    "cut": "connection between a role and NATS cut",
    "nats": "kill -9 of nats-server",
    "postgres": "kill -9 of PostgreSQL",
}
_FIRST_S: Final = 6.0  # callers are in conversation by then
_APART_S: Final = (2.0, 6.0)
_LASTS_S: Final[Mapping[Kind, tuple[float, float]]] = {
    "kill": (1.0, 4.0),  # until it is started again
    "pause": (0.5, 6.0),
    "restart": (0.0, 0.5),
    "cut": (0.0, 3.0),
    "nats": (0.0, 0.0),
    "postgres": (0.0, 0.0),
}
_SERVER_REST_S: Final = 12.0  # between two deaths of the same server: it is one for all


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to go wrong."""

    at_s: float  # from the start of the run
    kind: Kind
    target: str  # a process of the fleet, or a server
    lasts_s: float = 0.0  # until it is healed; meaning depends on the kind


def schedule(
    seed: int,
    length_s: float,
    crews: Sequence[str],
    *,
    nats: Sequence[str] = ("nats",),
    without: frozenset[str] = frozenset(),
    only: Sequence[str] = (),
) -> list[Fault]:
    """The faults of a run.

    Args: without: kinds, or `kind:crew`, to leave out; the others come as they did.
          only: kinds, or `kind:crew`, to have instead of all; each as often as the others.
    """
    chance = random.Random(seed)
    wanted = _wanted(crews, nats, only)
    faults: list[Fault] = []
    rested = dict.fromkeys(("nats", "postgres"), 0.0)
    at_s = _FIRST_S
    while at_s < length_s:
        drawn = chance.choices(wanted, [each.often for each in wanted])[0]
        kind, target = drawn.kind, chance.choice(drawn.targets)
        lasts_s = round(chance.uniform(*_LASTS_S[kind]), 2)
        if kind == "postgres":
            target = "postgres"
        if rested.get(kind, 0.0) <= at_s and not _left_out(kind, target, without):
            faults.append(Fault(at_s=round(at_s, 2), kind=kind, target=target, lasts_s=lasts_s))
            if kind in rested:
                rested[kind] = at_s + _SERVER_REST_S
        at_s += chance.uniform(*_APART_S)
    return faults


class _Wanted(NamedTuple):
    kind: Kind
    often: int
    targets: Sequence[str]


def _wanted(crews: Sequence[str], nats: Sequence[str], only: Sequence[str]) -> list[_Wanted]:
    def targets(kind: str, crew: str = "") -> list[str]:
        return [each for each in (nats if kind == "nats" else crews) if each.startswith(crew)]

    if not only:
        return [_Wanted(kind, often, targets(kind)) for kind, often in KINDS.items()]
    named = [each.partition(":") for each in only]
    return [_Wanted(cast(Kind, kind), 1, targets(kind, crew)) for kind, _, crew in named]


def _left_out(kind: Kind, target: str, without: frozenset[str]) -> bool:
    return kind in without or f"{kind}:{target.rpartition('-')[0]}" in without
