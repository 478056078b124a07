"""One seed of the chaos suite, short: real processes die under real calls, and nothing is lost.

The whole suite: `./just chaos --seed N --minutes 2`.
"""

from pathlib import Path

import pytest
from rich.console import Console

from loadtest.chaos.report import show
from loadtest.chaos.run import Plan, run

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
PLAN = Plan(seed=108, minutes=0.6, calls=4)  # kills gateway, stt, dialog, NATS and Postgres


async def test_calls_outlive_the_processes_that_carry_them(tmp_path: Path) -> None:
    result = await run(tmp_path, PLAN)
    with (tmp_path / "report.txt").open("w") as file:
        show(result, Console(file=file, width=200))
    assert result.ok, (tmp_path / "report.txt").read_text()
    assert result.done, "no fault was inflicted"
    assert result.account.answered > PLAN.calls
