"""A call in the log, checked: nothing removed, altered, reordered, duplicated or made up. Pure.

What this proves: the decisions are one unbroken chain, each taken from the facts it names by the
agent's own rules, and the facts are the very bytes that were seen then. What it cannot: that the
chain's last decision is the last there ever was (where the line's end is stored, it must have been
decided), and who wrote a chain that is consistent from its first message on. Of an erased call the
bytes are all there, so numbers, chain, owners and facts are checked; what was decided is not taken
again, for the words it was taken by are gone.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec

from contracts.agent import Agent
from contracts.codec import is_sealed
from contracts.dialog import CallEnded
from contracts.outcome import CallErased
from contracts.recorded import Recorded
from contracts.streams import FAMILIES
from services.call.actor import dialog_events
from services.call.replay import was_erased
from services.call.verify.again import SETTLED_MS, Again
from services.call.verify.chain import Chain, chain
from services.call.verify.epochs import owners, stints
from services.call.verify.findings import Finding, Kind, about
from services.call.verify.named import FACTS, named

__all__ = ["Checked", "Finding", "Kind", "verify"]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at in one call, and what is wrong with it."""

    messages: int
    events: int
    decisions: int
    facts: int  # messages of facts that are stored as decisions name them
    outside: int  # messages no decision vouches for: after the last one, and outcomes
    covered: bool  # False: recorded before decisions named facts, so they are not vouched for
    ended: bool
    erased: bool  # its decisions could not be taken again
    findings: tuple[Finding, ...]  # by stream sequence


def verify(
    history: Sequence[Recorded],
    agent: Agent | None,
    *,
    now_ms: float,
    unreadable: Mapping[int, str] = {},
) -> Checked:
    """Check one call.

    Args: history: all its messages in stored order; those no contract covers without events.
          agent: the revision it was held by; None: not known, and then nothing is decided again.
          now_ms: UNIX time in milliseconds by which the call was read.
          unreadable: why, by sequence of the messages that no contract covers.
    """
    facts = [each for each in history if each.family in FACTS]
    links = chain(r for r in history if r.family == "dialog" and r.sequence not in unreadable)
    ended = _has_ended(links)
    names = named(facts, links, settled_ms=math.inf if ended else now_ms - SETTLED_MS)
    findings = [
        *(
            _unread(each, unreadable[each.sequence])
            for each in history
            if each.sequence in unreadable
        ),
        *(_foreign(each) for each in history if each.family not in FAMILIES),
        *(*links.findings, *names.findings, *_epochs(history, unreadable)),
        *_erasure(history),
    ]
    basis = links.links[-1].decision.basis if links.links else 0
    later = [r for r in facts if r.sequence > max([basis, *names.by])]
    erased = was_erased(history)
    if erased:
        pass
    elif agent is None and (facts or any(each.decision.cause for each in links.links)):
        findings.append(Finding(kind="unfounded", says="its agent is not in the log"))
    elif agent:
        again = Again(facts, agent)
        if again.live(links, names):
            again.undecided(later, now_ms)
        findings += again.findings
    return Checked(
        messages=len(history),
        events=sum(len(each.message.events) for each in history),
        decisions=len(links.links),
        facts=len(names.intact),
        outside=sum(r.family not in FACTS and r.family != "dialog" for r in history) + len(later),
        covered=names.covers or not basis,
        ended=ended,
        erased=erased,
        findings=tuple(sorted(findings, key=lambda each: each.sequence)),
    )


def _has_ended(chain: Chain) -> bool:
    """In any decision: who took the call over just then still put its claim behind the end."""
    decisions = (dialog_events(link.recorded.message) for link in chain.links)
    return any(isinstance(event, CallEnded) for events in decisions for event in events)


def _epochs(history: Sequence[Recorded], unreadable: Mapping[int, str]) -> list[Finding]:
    readable = [each for each in history if each.sequence not in unreadable]
    return [
        *owners(r for r in readable if r.family == "dialog"),
        *owners(r for r in readable if r.family == "transcript"),
        *stints(r for r in readable if r.family == "line"),
    ]


def _erasure(history: Sequence[Recorded]) -> list[Finding]:
    """Words are gone where the log says so, and nowhere else."""
    recorded = any(isinstance(e, CallErased) for each in history for _, e in each.events())
    gone = [each for each in history if each.message.sealed == "erased"]
    left = [each for each in history if is_sealed(each.payload) and not each.message.sealed]
    if recorded and left:
        return [about("readable", left[0], "can still be read, though the call was erased")]
    if gone and not recorded:
        return [about("unreadable", gone[0], "has lost its key, and no erasure is recorded")]
    return []


def _unread(recorded: Recorded, why: str) -> Finding:
    return about("unreadable", recorded, f"can't be read: {why}")


def _foreign(recorded: Recorded) -> Finding:
    return about("inserted", recorded, "is of a family that no role writes")
