"""The figures of some days as a page of text, 80 columns wide."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from projections.views.read import Figures
from services.cli import charts
from services.cli.terminal import out

_WIDTH: Final = 80
_HOURS: Final = range(24)
_CHART_LINES: Final = 5
_BAR: Final = 24
_EXACT: Final = Decimal("0.0001")
_NAMES: Final = (  # what is in these columns starts at their left
    *("", "kind", "question", "paid to"),
    *("█ p50  ░ p95", "what became of it", "mostly followed by"),
)


def print_page(found: Figures, to: Console = out) -> None:
    """All sections that have something to say."""
    for title, lines in (
        (_title(found), _total(found)),
        ("Calls by hour (UTC)", _hours(found)),
        ("Day by day", _days(found) if len(found.days) > 1 else ()),
        ("How calls ended", _ends(found)),
        ("What callers waited, in milliseconds", _waits(found)),
        (
            _share("Interruptions", found.total.interruptions, found.total.replies, "replies"),
            _interruptions(found),
        ),
        (
            _share(
                "Questions the knowledge did not cover",
                found.total.uncovered,
                found.total.questions,
                "questions",
            ),
            _missed(found),
        ),
        ("Failures", _failures(found)),
        ("Costs", _costs(found)),
    ):
        shown = list(lines)
        if shown:
            to.print(f"[bold]{escape(title)}[/bold]", width=_WIDTH)
            for line in shown:
                to.print(line, width=_WIDTH, no_wrap=isinstance(line, str), overflow="ellipsis")
            to.print()


def _title(found: Figures) -> str:
    days = f"{found.first:%a %d %b %Y}"
    if found.first != found.last:
        days = f"{found.first:%d %b} to {found.last:%d %b %Y}"
    return " · ".join(each for each in (found.tenant, found.agent, f"{days} (UTC)") if each)


def _share(title: str, part: int, whole: int, what: str) -> str:
    return f"{title}: {part} of {whole} {what} ({part / whole:.0%})" if whole else title


def _total(found: Figures) -> Iterable[Table]:
    total = found.total
    grid = _table("", "", "", "", header=False)
    contained = f"{total.contained / total.over:.0%}" if total.over else "-"
    judged = total.succeeded + total.failed
    success = f"{total.succeeded / judged:.0%} of {judged} judged" if judged else "not judged"
    wait = next((each for each in found.waits if each.stage == "wait"), None)
    waited = f"{_whole(wait.p50_ms)} ms, p95 {_whole(wait.p95_ms)} ms" if wait else "-"
    grid.add_row(
        "calls",
        f"{total.calls}, {total.answered} answered",
        "contained",
        f"{contained} of {total.over} that are over",
    )
    grid.add_row("minutes", f"{total.minutes:,.1f}", "success", success)
    grid.add_row("wait", waited, "cost", _sums(found) or "no prices")
    yield grid


def _sums(found: Figures) -> str:
    sums: dict[str, Decimal] = {}
    for each in found.costs:
        sums[each.currency] = sums.get(each.currency, Decimal(0)) + each.cost
    return ", ".join(f"{cost:,.2f} {currency}" for currency, cost in sums.items())


def _hours(found: Figures) -> Iterable[str]:
    values = {each.hour: float(each.calls) for each in found.hours}
    most = f"{max(values.values(), default=0):.0f}"
    for number, line in enumerate(charts.columns(values, _HOURS, _CHART_LINES)):
        yield f"  {most if number == 0 else '':>4} [cyan]{line}[/cyan]"
    yield f"  {'':>4} " + " ".join(f"{hour:02d}" for hour in _HOURS)


def _days(found: Figures) -> Iterable[Table]:
    table = _table("day", "calls", "", "contained", "p95 ms", "missed", "failures", "cost")
    most = max(each.calls for each in found.days)
    for each in found.days:
        table.add_row(
            f"{each.day:%a %d %b}",
            str(each.calls),
            f"[cyan]{charts.bar(each.calls, most, 8)}[/cyan]",
            "-" if each.contained_share is None else f"{each.contained_share:.0%}",
            "-" if each.wait_p95_ms is None else _whole(each.wait_p95_ms),
            str(each.uncovered),
            str(each.failures),
            "-" if each.cost is None else f"{each.cost:,.2f} {each.currency}",
        )
    yield table


def _ends(found: Figures) -> Iterable[Table]:
    yield from _bars([(each.what, each.times, "") for each in found.ends])


def _interruptions(found: Figures) -> Iterable[Table]:
    yield from _bars(
        [(each.what, each.times, _spoke_on(each.median_ms)) for each in found.interruptions]
    )


def _spoke_on(median_ms: float | None) -> str:
    return "" if median_ms is None else f"the agent spoke on for {_whole(median_ms)} ms"


def _bars(rows: Sequence[tuple[str, int, str]]) -> Iterable[Table]:
    if not rows:
        return
    table = _table("", "", "", "", header=False)
    most = max(times for _, times, _ in rows)
    for what, times, note in rows:
        drawn = f"[cyan]{charts.bar(times, most, _BAR)}[/cyan]"
        table.add_row(escape(what.replace("_", " ")), str(times), drawn, note)
    table.columns[1].justify = "right"
    yield table


def _waits(found: Figures) -> Iterable[Table]:
    if not found.waits:
        return
    table = _table("stage", "p50", "p95", "█ p50  ░ p95")
    most = max(each.p95_ms for each in found.waits)
    for each in found.waits:
        drawn = charts.two_bars(each.p50_ms, each.p95_ms, most, 44)
        name = "all of it" if each.stage == "wait" else each.stage
        table.add_row(name, _whole(each.p50_ms), _whole(each.p95_ms), f"[cyan]{drawn}[/cyan]")
    yield table


def _missed(found: Figures) -> Iterable[Table]:
    if not found.missed:
        return
    table = _table("times", "question", "what became of it")
    table.columns[0].justify = "right"
    for each in found.missed:
        table.add_row(str(each.times), escape(each.question), escape(each.fates.replace("_", " ")))
    for column, width in ((1, 44), (2, 24)):
        table.columns[column].width, table.columns[column].no_wrap = width, False
    yield table


def _failures(found: Figures) -> Iterable[Table]:
    if not found.failures:
        return
    table = _table("stage", "kind", "times", "", "mostly followed by")
    most = max(each.times for each in found.failures)
    for each in found.failures:
        drawn = f"[red]{charts.bar(each.times, most, 16)}[/red]"
        followed = each.followed.replace("_", " ") or "nothing"
        table.add_row(each.stage, escape(each.kind), str(each.times), drawn, followed)
    yield table


def _costs(found: Figures) -> Iterable[Table]:
    if not found.costs:
        return
    table = _table("for", "paid to", "quantity", "", "cost", "")
    most = float(max(each.cost for each in found.costs))
    for each in found.costs:
        table.add_row(
            each.kind,
            escape(each.provider),
            f"{each.quantity:,.0f}",
            each.unit.replace("_", " "),
            f"{each.cost.quantize(_EXACT):,f} {each.currency}",
            f"[cyan]{charts.bar(float(each.cost), most, 14)}[/cyan]",
        )
    per_call = sum((each.cost for each in found.costs), Decimal(0)) / found.total.calls
    if len({each.currency for each in found.costs}) == 1:
        of_each = f"{per_call.quantize(_EXACT):,f} {found.costs[0].currency}"
        table.add_row("each call", "", "", "", of_each, "", style="bold")
    yield table


def _whole(number: float) -> str:
    return f"{round(number):,}"


def _table(first: str, *others: str, header: bool = True) -> Table:
    """Numbers right-aligned, names left; nothing is cut that fits into 80 columns."""
    table = Table(box=None, padding=(0, 1), show_header=header, pad_edge=True, header_style="dim")
    table.add_column(first, no_wrap=True)
    for title in others:
        named = not header or title in _NAMES
        table.add_column(title, justify="left" if named else "right", no_wrap=True)
    return table
