"""What the table calls says about a call."""

from datetime import UTC, datetime, timedelta

import pytest
from stories import AGENT, RANG_MS, TENANT, Story, at, question_answered, rang

from contracts import dialog, line, outcome, transcript
from contracts.ids import new_call_id
from infra.postgres import Pool
from projections.calls import read
from projections.calls.project import CALLS
from projections.schema import prepare

pytestmark = pytest.mark.stack
RANG = datetime.fromtimestamp(RANG_MS / 1000, UTC)


async def row_of(pool: Pool, story: Story) -> read.Call:
    await story.remembered(pool, CALLS)
    call = await read.show(pool, TENANT, story.call)
    assert call is not None
    return call


async def test_a_finished_call_has_one_row_that_tells_it_from_ring_to_hang_up(pool: Pool) -> None:
    story = question_answered()
    assert await row_of(pool, story) == read.Call(
        tenant=TENANT,
        call=story.call,
        state="ended",
        carrier="loopback",
        carrier_call="CA1",
        direction="inbound",
        caller="+15550100",
        called="+15550199",
        agent=AGENT.agent,
        revision=3,
        language="en-US",
        languages=("en-US",),
        rang_at=RANG,
        answered_at=RANG + timedelta(milliseconds=20),
        ended_at=RANG + timedelta(milliseconds=9_020),
        duration_ms=9_000,
        end_reason="caller_hung_up",
        phase="active",
        turns=1,
        misheard=0,
        replies=2,
        interruptions=1,
        tool_runs=0,
        transferred_to=None,
        carrier_status=None,
        frames=450,
        late_frames=2,
        outcome=None,
        summary=None,
    )


async def test_a_call_that_rings_is_not_live_before_it_is_answered(pool: Pool) -> None:
    ringing = await row_of(pool, Story().stored(1, rang()))
    assert (ringing.state, ringing.answered_at, ringing.duration_ms) == ("ringing", None, None)
    answered = Story().stored(1, rang()).stored(2, line.LineAnswered(at_ms=at(2), stream="MZ"))
    assert (await row_of(pool, answered)).state == "live"


async def test_the_lines_own_end_counts_whichever_end_is_recorded_first(pool: Pool) -> None:
    by_dialog = dialog.CallEnded(at_ms=at(500), reason="bus_lost", phase="start", turns=0)
    by_line = line.LineEnded(at_ms=at(400), reason="caller_hung_up")
    for ends in ((by_dialog, by_line), (by_line, by_dialog)):
        story = Story().stored(1, rang()).stored(2, ends[0]).stored(3, ends[1])
        call = await row_of(pool, story)
        assert (call.end_reason, call.ended_at) == (
            "caller_hung_up",
            RANG + timedelta(milliseconds=400),
        )


async def test_a_call_whose_gateway_died_ends_with_its_dialog(pool: Pool) -> None:
    ended = dialog.CallEnded(at_ms=at(500), reason="media_lost", phase="discovery", turns=2)
    call = await row_of(pool, Story().stored(1, rang()).stored(2, ended))
    assert (call.state, call.end_reason, call.phase) == ("ended", "media_lost", "discovery")


async def test_a_late_report_of_the_carrier_does_not_hide_a_newer_one(pool: Pool) -> None:
    def report(status: str, sequence: int) -> line.CarrierReported:
        return line.CarrierReported(at_ms=at(1), status=status, sequence=sequence)

    story = Story().stored(1, rang())
    story.stored(2, report("initiated", 0)).stored(3, report("completed", 3))
    story.stored(4, report("in-progress", 2))
    assert (await row_of(pool, story)).carrier_status == "completed"


async def test_misheard_turns_tools_and_the_transfer_are_counted(pool: Pool) -> None:
    story = Story().stored(1, rang())
    for turn in (1, 2):
        story.stored(
            turn, dialog.TurnMisheard(at_ms=at(turn), turn=turn, utterance=turn, failures=turn)
        )
    story.stored(
        3, dialog.ToolCalled(at_ms=at(3), invocation="i1", turn=2, tool="book", arguments={})
    )
    story.stored(4, dialog.TransferRequested(at_ms=at(4), to="+15550111", reason="misheard"))
    call = await row_of(pool, story)
    assert (call.turns, call.misheard, call.tool_runs, call.transferred_to) == (
        0,
        2,
        1,
        "+15550111",
    )


async def test_languages_are_those_the_caller_was_heard_in_beside_the_agents_own(
    pool: Pool,
) -> None:
    story = question_answered()
    for utterance, language in enumerate(("de-DE", "", "en-US", "de-DE"), start=2):
        heard = transcript.TranscriptFinalized(
            at_ms=at(6_000),
            utterance=utterance,
            text="ja",
            confidence=1.0,
            speech_ended_ms=at(6_000),
            language=language,
        )
        story.stored(6_000 + utterance, heard)
    assert (await row_of(pool, story)).languages == ("en-US", "de-DE")


async def test_the_last_judgement_of_a_call_is_its_outcome(pool: Pool) -> None:
    story = question_answered()
    for judged, summary in (("unknown", ""), ("success", "Asked for a price and was told.")):
        story.stored(
            10_000, outcome.OutcomeRecorded(at_ms=at(10_000), outcome=judged, summary=summary)
        )
    call = await row_of(pool, story)
    assert (call.outcome, call.summary) == ("success", "Asked for a price and was told.")
    assert call.state == "ended"


async def test_calls_are_listed_by_their_ring_the_newest_first(pool: Pool) -> None:
    calls = [new_call_id() for _ in range(3)]
    for minutes, call in enumerate(calls):
        await Story(call).stored(1, rang(at(minutes * 60_000))).remembered(pool, CALLS)
    assert [each.call for each in await read.list(pool, TENANT, 2)] == [calls[2], calls[1]]


async def test_an_unknown_call_has_no_row(pool: Pool) -> None:
    await prepare(pool, CALLS)
    assert await read.show(pool, TENANT, new_call_id()) is None
