"""What the table tool_runs says about the use of tools."""

import pytest
from stories import TENANT, Story, at

from contracts import dialog
from infra.postgres import Pool
from projections.tool_runs import read
from projections.tool_runs.project import TOOL_RUNS

pytestmark = pytest.mark.stack
CALLED = dialog.ToolCalled(
    at_ms=at(10), invocation="i1", turn=3, tool="book", arguments={"day": "monday"}
)
RETURNED = dialog.ToolReturned(
    at_ms=at(60), invocation="i1", tool="book", ok=True, result={"reference": "B7"}, took_ms=48.5
)


async def rows_of(pool: Pool, story: Story) -> tuple[read.ToolRun, ...]:
    await story.remembered(pool, TOOL_RUNS)
    return await read.of_call(pool, TENANT, story.call)


async def test_a_tool_that_ran_has_its_arguments_and_its_result(pool: Pool) -> None:
    (run,) = await rows_of(pool, Story().stored(10, CALLED).stored(60, RETURNED))
    assert (run.invocation, run.turn, run.tool, run.runs) == ("i1", 3, "book", 1)
    assert (run.arguments, run.ok, run.result) == ({"day": "monday"}, True, {"reference": "B7"})
    assert run.took_ms == 48.5
    assert run.called_at is not None
    assert run.returned_at is not None


async def test_a_tool_that_has_not_returned_is_neither_good_nor_bad(pool: Pool) -> None:
    (run,) = await rows_of(pool, Story().stored(10, CALLED))
    assert (run.ok, run.result, run.returned_at) == (None, None, None)


async def test_a_use_that_was_repeated_shows_how_often(pool: Pool) -> None:
    (run,) = await rows_of(pool, Story().stored(10, CALLED).stored(20, CALLED))
    assert run.runs == 2


async def test_a_tool_only_proposed_did_not_run(pool: Pool) -> None:
    proposed = dialog.ToolProposed(at_ms=at(5), invocation="i1", tool="book", arguments={})
    declined = dialog.ToolDeclined(at_ms=at(9), invocation="i1", tool="book")
    assert await rows_of(pool, Story().stored(5, proposed).stored(9, declined)) == ()
