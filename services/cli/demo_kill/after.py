"""What came of a call whose holders were killed, and whether it is what must come of it. Pure."""

from collections.abc import Sequence

from msgspec.structs import asdict

from services.cli.carrying import Break
from services.cli.demo_kill.telling import Kill
from services.cli.demo_report import Report
from services.cli.verdict import Verified


class KillReport(Report, frozen=True, kw_only=True):
    """The demo with kills as JSON."""

    kills: tuple[Kill, ...]
    messages: int  # of the call, verified
    decisions: int  # of those, decided again with the same outcome


def kill_report(
    plain: Report, kills: Sequence[Kill], trouble: Sequence[str], found: Verified
) -> KillReport:
    """The demo's report, and what the kills add to it. `trouble`: that of the kills."""
    problems = (
        *plain.problems,
        *trouble,
        *(f"verify: {each.says}" for each in found.log),
        *(f"verify: {each.says}" for broken in found.broken for each in broken.findings),
        *(["verify: the call has not ended"] if found.going_on else []),
    )
    of_demo = {**asdict(plain), "problems": problems, "ok": not problems}
    return KillReport(
        **of_demo, kills=tuple(kills), messages=found.messages, decisions=found.decisions
    )


def note_what_the_caller_noticed(
    kills: Sequence[Kill],
    waits_ms: Sequence[float | None],
    breaks: Sequence[Break],
    gaps: int,
) -> None:
    """Write into each kill how long the caller waited in its turn, or was without a line.

    Args: gaps: how often the agent's sound broke off in the middle of a reply.
    """
    for kill in kills:
        kill.gaps = gaps
        if kill.victim == "gateway":
            kill.wait_ms = _silent_ms(breaks)
        elif kill.turn <= len(waits_ms):
            kill.wait_ms = waits_ms[kill.turn - 1]


def _silent_ms(breaks: Sequence[Break]) -> float | None:
    """Until the agent was heard again; None: it never was."""
    heard = [each for each in breaks if each.heard_at]
    return round((heard[0].heard_at - heard[0].lost_at) * 1000, 1) if heard else None
