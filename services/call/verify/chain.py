"""The actor's decisions in the order their hashes prove, and where that chain is broken. Pure.

A decision holds the hash of the one before it. So an altered decision is known by its successor,
a removed one by the gap it leaves, and one put elsewhere still says where it belongs.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from contracts.recorded import Decision, Recorded
from services.call.actor import payload_hash
from services.call.verify.findings import Finding, about


class Link(NamedTuple):
    """A decision in the chain."""

    recorded: Recorded
    decision: Decision
    hash: str  # of its stored bytes
    n: int  # its number by its place: one more than that of the decision it names


class Chain(NamedTuple):
    """What is left of the chain."""

    links: list[Link]  # by number; a decision that belongs nowhere is not among them
    gaps: frozenset[int]  # numbers of links before which decisions are missing
    findings: list[Finding]


def chain(history: Iterable[Recorded]) -> Chain:
    """Put the decisions of a call's history in order, and say what is wrong with it."""
    findings: list[Finding] = []
    segments = _segments(_unique(history, findings))
    links: list[Link] = []
    gaps: set[int] = set()
    for place, segment in enumerate(segments):
        n = links[-1].n if links else 0
        first = segment[0]
        if links and first.n <= n:
            findings += [about("inserted", each.recorded, _nowhere(each)) for each in segment]
            continue
        if first.n > n + 1:
            gaps.add(first.n)
            findings.append(_missing(n + 1, first))
        elif links and not _was_blamed(links[-1], findings):
            rest = segments[place + 1 :]
            findings.append(_broken(links[-1], segment, bool(rest) and rest[0][0].n == first.n + 1))
        links += segment
    findings += _in_order(links) + _numbered(links)
    return Chain(links, frozenset(gaps), findings)


def _unique(history: Iterable[Recorded], findings: list[Finding]) -> list[Link]:
    """The decisions in stored order, each once."""
    found: dict[str, Link] = {}
    for recorded in history:
        decision = recorded.message.decision
        if decision is None:
            findings.append(about("inserted", recorded, "is no decision, yet stored among them"))
            continue
        n = decision.n if decision.prev else 1
        link = Link(recorded, decision, payload_hash(recorded.payload), n)
        if (first := found.setdefault(link.hash, link)) is not link:
            says = f"is decision {link.n} again, as in message {first.recorded.sequence}"
            findings.append(about("duplicated", recorded, says))
    return list(found.values())


def _segments(decisions: Sequence[Link]) -> list[list[Link]]:
    """Runs of decisions of which each names the one before, by the number of their first."""
    following: dict[str, list[Link]] = defaultdict(list)
    known = {each.hash for each in decisions}
    starts = []
    for each in decisions:
        if each.decision.prev in known:
            following[each.decision.prev].append(each)
        else:
            starts.append(each)
    segments = [_run(start, following) for start in starts]
    while any(following.values()):  # left over where two decisions name the same one
        left = next(each.pop(0) for each in following.values() if each)
        segments.append(_run(left, following))
    return sorted(segments, key=lambda run: (run[0].n, -len(run), run[0].recorded.sequence))


def _run(start: Link, following: dict[str, list[Link]]) -> list[Link]:
    run = [start]
    while nexts := following[run[-1].hash]:
        chosen = next((each for each in nexts if following.get(each.hash)), nexts[0])
        nexts.remove(chosen)
        run.append(chosen._replace(n=run[-1].n + 1))
    return run


def _nowhere(link: Link) -> str:
    return f"calls itself decision {link.decision.n}, but the chain does not lead to it"


def _missing(n: int, after: Link) -> Finding:
    which = f"decision {n}" if after.n == n + 1 else f"decisions {n} to {after.n - 1}"
    says = f"{which}, before decision {after.n} (message {after.recorded.sequence})"
    return Finding(kind="removed", says=says, sequence=0, family="dialog")


def _broken(before: Link, segment: Sequence[Link], alone: bool) -> Finding:
    """Which of the two was altered: one that neither neighbour knows, else the earlier one."""
    after = segment[0]
    if len(segment) == 1 and alone:
        says = f"decision {after.n} names other bytes than those before it, and is not named itself"
        return about("altered", after.recorded, says)
    says = f"decision {before.n} was stored as other bytes: message {after.recorded.sequence} says"
    return about("altered", before.recorded, f"{says} so")


def _was_blamed(link: Link, findings: Iterable[Finding]) -> bool:
    at = link.recorded.sequence
    return any(each.sequence == at and each.kind == "altered" for each in findings)


def _in_order(links: Sequence[Link]) -> list[Finding]:
    return [
        about(
            "reordered",
            after.recorded,
            f"decision {after.n} is stored before decision {before.n}"
            f" (message {before.recorded.sequence})",
        )
        for before, after in pairwise(links)
        if after.recorded.sequence < before.recorded.sequence
    ]


def _numbered(links: Iterable[Link]) -> list[Finding]:
    return [
        about("altered", each.recorded, f"calls itself decision {each.decision.n}, and is {each.n}")
        for each in links
        if each.decision.n != each.n
    ]
