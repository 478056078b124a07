"""The facts that decisions name, against those that are stored. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from contracts.recorded import FactCause, FactSeen, Recorded
from services.call.actor import fact_digest
from services.call.verify.chain import Chain, Link
from services.call.verify.findings import Finding, about

FACTS: Final = frozenset({"line", "transcript", "passages", "synthesis"})


class Named(NamedTuple):
    """What the decisions say about the facts."""

    by: dict[int, Link]  # sequence of a fact's message: the decision that names it
    intact: frozenset[int]  # sequences of those that are stored as they were named
    findings: list[Finding]

    @property
    def covers(self) -> bool:
        """False: a call of the time before decisions named their facts."""
        return bool(self.by)


def named(facts: Sequence[Recorded], links: Chain, *, settled_ms: float) -> Named:
    """Compare every named fact's message with the stored one, and find those nobody named.

    `settled_ms`: a fact stored later may still be named, though newer ones were.
    """
    by, seen, findings = _naming(links)
    if not by:
        return Named({}, frozenset(), findings)
    digests = {each.sequence: fact_digest(each.payload) for each in facts}
    stored = {each.sequence: each for each in facts}
    at = _places(digests)
    intact = {s.sequence for s in seen if digests.get(s.sequence) == s.digest}
    for each in seen:
        if each.sequence not in intact:
            findings.append(_differs(each, stored, at, by[each.sequence], intact))
    settled = [each for each in facts if each.stored_ms <= settled_ms]
    findings += _unnamed(settled, digests, at, seen, links)
    return Named(by, frozenset(intact), findings)


def _naming(chain: Chain) -> tuple[dict[int, Link], list[FactSeen], list[Finding]]:
    by: dict[int, Link] = {}
    seen: list[FactSeen] = []
    findings: list[Finding] = []
    basis = 0
    sure = True  # nothing is missing that may have named facts
    for link in chain.links:
        sure = sure and link.n not in chain.gaps
        at, decision = link.recorded.sequence, link.decision
        for each in decision.facts:
            if each.sequence in by:
                says = f"names message {each.sequence}, as decision {by[each.sequence].n} did"
                findings.append(about("altered", link.recorded, says))
                continue
            if each.sequence >= at:
                says = f"names message {each.sequence}, which is stored after it"
                findings.append(about("reordered", link.recorded, says))
            by[each.sequence] = link
            seen.append(each)
            basis = max(basis, each.sequence)
        sure = sure and (bool(seen) or decision.basis == 0)
        if sure and decision.basis != basis:
            says = f"says it knew facts up to {decision.basis}; they were named up to {basis}"
            findings.append(about("altered", link.recorded, says))
        if sure and isinstance(decision.cause, FactCause) and decision.cause.sequence not in by:
            says = f"answers message {decision.cause.sequence}, which no decision had named"
            findings.append(about("altered", link.recorded, says))
    return by, seen, findings


def _places(digests: dict[int, str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for sequence, digest in digests.items():
        found[digest].append(sequence)
    return found


def _differs(
    fact: FactSeen,
    stored: dict[int, Recorded],
    at: dict[str, list[int]],
    link: Link,
    intact: set[int],
) -> Finding:
    """A fact that is not stored as it was named: removed, altered, or in another place."""
    who = f"decision {link.n} (message {link.recorded.sequence})"
    elsewhere = [each for each in at.get(fact.digest, ()) if each not in intact]
    there = stored.get(fact.sequence)
    family = there.family if there else ""
    if elsewhere:
        family = stored[elsewhere[0]].family
        says = f"is stored as message {elsewhere[0]}; {who} saw it as {fact.sequence}"
        return Finding(kind="reordered", says=says, sequence=fact.sequence, family=family)
    if there is None:
        says = f"is not in the log; {who} names it"
        return Finding(kind="removed", says=says, sequence=fact.sequence)
    says = f"is not what {who} saw: its bytes were changed"
    return Finding(kind="altered", says=says, sequence=fact.sequence, family=family)


def _unnamed(
    facts: Iterable[Recorded],
    digests: dict[int, str],
    at: dict[str, list[int]],
    seen: Iterable[FactSeen],
    chain: Chain,
) -> list[Finding]:
    known = {each.sequence: each.digest for each in seen}
    wanted = set(known.values())
    basis = max(known, default=0)
    complete = not chain.gaps  # else the missing decisions may have named it
    findings = []
    for each in facts:
        digest = digests[each.sequence]
        if known.get(each.sequence) == digest:
            continue
        twins = [t for t in at[digest] if t != each.sequence and (t < each.sequence or t in known)]
        if twins:
            says = f"holds the same bytes as message {twins[0]}, and no decision names it"
            findings.append(about("duplicated", each, says))
        elif each.sequence in known or digest in wanted or not complete:
            continue  # found to be altered, or to be in another place, or nobody knows
        elif each.sequence <= basis:
            says = f"is named by no decision, though they name facts up to {basis}"
            findings.append(about("inserted", each, says))
    return findings
