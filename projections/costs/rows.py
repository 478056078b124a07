"""A row of the table costs, and what is kept in mind to make it."""

from typing import Final

import msgspec

from projections.folding import Rows
from projections.moments import Moment, moment

_UNSET: Final = moment(0)


class CostRow(msgspec.Struct):
    """All columns; when and for whom is set as the row is made."""

    tenant: str
    call: str
    kind: str
    provider: str
    model: str
    unit: str
    at: Moment = _UNSET
    agent: str | None = None
    revision: int | None = None
    quantity: float = 0.0
    estimated: bool = False


class Rung(msgspec.Struct):
    """A note: when and for whom the call rang."""

    tenant: str
    call: str
    at_ms: int = 0
    agent: str | None = None
    revision: int | None = None
    carrier: str = ""


class LineTime(msgspec.Struct):
    """A note: how long audio flowed."""

    tenant: str
    call: str
    since_ms: int | None = None  # UNIX time since which it flows; None: it does not
    lost_ms: int = 0  # UNIX time of its last loss
    ms: int = 0  # of the stretches before
    ended: bool = False
    billed: bool = False  # the carrier has told how long


class Hearing(msgspec.Struct):
    """A note: speech, and who recognises it."""

    tenant: str
    call: str
    provider: str = ""
    heard: int = 0  # the last utterance that the recogniser has told of
    begun: dict[int, int] = {}  # first loud frame by utterance, of those under way
    unheard_ms: dict[int, int] = {}  # by utterance, of those the recogniser has yet to tell of


class Voiced(msgspec.Struct):
    """A note: who is to speak a sentence."""

    tenant: str
    call: str
    reply: int
    sentence: int
    provider: str = ""
    model: str = ""
    others: dict[str, str] = {}  # models of those who may speak it instead, by provider


def use(rows: Rows, kind: str, provider: str, unit: str, model: str = "") -> CostRow:
    """The row of a unit, to be changed."""
    row = rows.of(CostRow, kind, provider, model, unit)
    if row.at == _UNSET:
        rung = rows.of(Rung)
        row.at, row.agent, row.revision = moment(rung.at_ms), rung.agent, rung.revision
    return row


def add(rows: Rows, kind: str, provider: str, unit: str, quantity: float, model: str = "") -> None:
    """So much more of it; nothing is no row."""
    if quantity > 0:
        row = use(rows, kind, provider, unit, model)
        total = row.quantity + quantity
        row.quantity = total if total.is_integer() else round(total, 3)  # which takes its time
