"""What kind of call it becomes: drawn before it rings."""

from random import Random
from typing import Final, Literal, TypeVar

import msgspec

from contracts.line import EndReason
from loadtest.generating.houses import House

Kind = TypeVar("Kind", bound=str)
Ending = Literal["goodbye", "hangs_up", "falls_silent", "wants_a_person"]
Loss = Literal["returns", "stays_away", "handed_over", "thought_dead", "forgotten"]
Owner = Literal["dialog", "stt"]

_ENDINGS: Final[dict[Ending, int]] = {
    "goodbye": 55,
    "hangs_up": 30,
    "wants_a_person": 10,
    "falls_silent": 5,
}
_LOSSES: Final[dict[Loss, int]] = {
    "returns": 50,
    "stays_away": 20,
    "handed_over": 15,
    "thought_dead": 10,
    "forgotten": 5,
}
_SUDDEN: Final[dict[EndReason, int]] = {
    "caller_hung_up": 6,
    "media_lost": 4,
    "shutdown": 2,
    "bus_lost": 2,
    "refused": 2,
}
_MOST_TURNS: Final = 25


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's ways and a call's luck. Shares are 0..1, waits milliseconds."""

    answered_ms: int | None  # after the ring; None: never
    abandoned: bool  # the gateway dies while it rings: nobody ends the line
    turns: int  # before the caller has all they wanted
    ending: Ending  # what they do then
    misheard: float  # of utterances
    barges_in: float  # into replies
    pauses: float  # in the middle of a turn
    adds: float  # something before the answer came
    presses: float  # a key instead of speaking
    trouble: float  # of what the model, the tools, the knowledge and the voices are asked for
    losses: tuple[tuple[int, Loss], ...]  # of the line, by their time after the ring
    takeovers: tuple[tuple[int, Owner], ...]  # by hosts, by their time after the ring
    sudden: tuple[int, EndReason] | None  # an end in the middle
    old: bool  # recorded with the retired version of transcripts


def drawn(house: House, random: Random) -> Plan:
    """A plan for a call to, or of, this house."""
    mumbles = random.random() < 0.06
    return Plan(
        answered_ms=_answered_ms(house, random),
        abandoned=random.random() < 0.1,
        turns=_turns(random),
        ending=_one_of(_ENDINGS, random),
        misheard=0.75 if mumbles else 0.04,
        barges_in=random.choice((0.0, 0.05, 0.15, 0.4)),
        pauses=0.1,
        adds=0.03,
        presses=0.05 if house.agent.digits else 0.01,
        trouble=0.25 if random.random() < 0.08 else 0.012,
        losses=_losses(random),
        takeovers=_takeovers(random),
        sudden=_sudden(random),
        old=random.random() < 0.02,
    )


def _answered_ms(house: House, random: Random) -> int | None:
    if random.random() < (0.3 if house.outbound else 0.03):
        return None
    return random.randint(4_000, 20_000) if house.outbound else random.randint(15, 900)


def _turns(random: Random) -> int:
    """Most calls are short; some are long."""
    return min(1 + int(random.expovariate(1 / 4.5)), _MOST_TURNS)


def _losses(random: Random) -> tuple[tuple[int, Loss], ...]:
    count = random.choices((0, 1, 2), (92, 7, 1))[0]
    return tuple((random.randint(2_000, 50_000), _one_of(_LOSSES, random)) for _ in range(count))


def _takeovers(random: Random) -> tuple[tuple[int, Owner], ...]:
    count = random.choices((0, 1, 2), (94, 5, 1))[0]
    owners: tuple[Owner, ...] = ("dialog", "dialog", "stt")
    return tuple((random.randint(500, 50_000), random.choice(owners)) for _ in range(count))


def _sudden(random: Random) -> tuple[int, EndReason] | None:
    if random.random() >= 0.1:
        return None
    return random.randint(300, 60_000), _one_of(_SUDDEN, random)


def _one_of(weights: dict[Kind, int], random: Random) -> Kind:
    return random.choices(list(weights), list(weights.values()))[0]
