"""What can be wrong with a call in the log, in words a person can act on."""

from typing import Literal, TypeAlias

import msgspec

from contracts.recorded import Recorded

Kind: TypeAlias = Literal[
    "removed",
    "altered",
    "reordered",
    "duplicated",
    "inserted",
    "unfounded",  # a decision that does not follow from what is recorded
    "undecided",  # a fact that should have led to a decision
    "epoch",  # written by somebody who did not own the call
    "unreadable",
    "readable",  # the log says it was erased, and its words are still there
    "behind",  # a projection has yet to read some of the log
    "parked",  # a projection does not follow the call any more
    "rows",  # a table is not what the log makes of it
]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong, and where. Never holds what was said, nor a number."""

    kind: Kind
    says: str
    sequence: int = 0  # stream sequence of the message; 0: it has none
    family: str = ""  # what the message's subject ends with


def about(kind: Kind, recorded: Recorded, says: str) -> Finding:
    """A finding about a stored message."""
    return Finding(kind=kind, says=says, sequence=recorded.sequence, family=recorded.family)
