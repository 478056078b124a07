"""Whether each message was written by who owned the call then. Pure."""

from collections.abc import Iterable

from contracts.event import OwnerClaimed
from contracts.recorded import Message, Recorded
from services.call.verify.findings import Finding, about


def owners(history: Iterable[Recorded]) -> list[Finding]:
    """A family with owners, in order: each epoch begins with its claim and has one host."""
    findings: list[Finding] = []
    epoch, host = 0, ""
    for recorded in history:
        message = recorded.message
        if says := _not_the_owners(message, epoch, host):
            findings.append(about("epoch", recorded, says))
        if message.epoch > epoch:
            epoch, host = message.epoch, message.by
    return findings


def stints(history: Iterable[Recorded]) -> list[Finding]:
    """The line: what a gateway wrote after another had the call. 0: of no stint."""
    findings: list[Finding] = []
    newest = 0
    for recorded in history:
        stint = recorded.message.epoch
        if 0 < stint < newest:
            says = f"is of stint {stint}, after stint {newest} had begun"
            findings.append(about("epoch", recorded, says))
        newest = max(newest, stint)
    return findings


def _not_the_owners(message: Message, epoch: int, host: str) -> str:
    """What is wrong with a message that comes while `host` owns the call in `epoch`."""
    claim = next((each for each in message.events if isinstance(each, OwnerClaimed)), None)
    if message.epoch < epoch:
        return f"is of epoch {message.epoch}, after epoch {epoch} had begun"
    if claim and (claim.epoch, claim.host) != (message.epoch, message.by):
        return "claims the call for another host or epoch than it is of"
    if claim and message.epoch != epoch + 1:
        return f"claims epoch {message.epoch}, after epoch {epoch}"
    if not claim and message.epoch > epoch:
        return f"is of epoch {message.epoch}, which nobody had claimed"
    if not claim and epoch and message.by != host:
        return f"is not by the host that had claimed epoch {epoch}"
    return ""
