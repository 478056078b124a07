"""When the demo kills what, who is taken for a successor, and what its report lets pass."""

from collections.abc import Sequence

import pytest

from contracts import dialog
from contracts.event import OwnerClaimed
from contracts.ids import CallId, TenantId
from contracts.line import LineResumed, PlaybackStarted, SentencePlayed, SpeechStarted
from contracts.recorded import CallEvent, Message, Recorded
from contracts.synthesis import SentenceSynthesized
from services.call.verify import Finding
from services.cli.carrying import Break
from services.cli.demo_kill.after import kill_report, note_what_the_caller_noticed
from services.cli.demo_kill.plan import PLAN, Victim, pid_of, takes_over
from services.cli.demo_kill.story import Story
from services.cli.demo_kill.telling import Kill, killed, went_on
from services.cli.demo_report import Latency, Report
from services.cli.verdict import Broken, Verified

ASKED = SentenceSynthesized(
    at_ms=0,
    reply=1,
    sentence=1,
    audio_ms=900,
    first_audio_ms=9.0,
    took_ms=20.0,
    characters=40,
    provider="tone",
)

WRONG = Finding(kind="altered", says="is not what follows")
PLAIN = Report(
    ok=True,
    call="c",
    first_audio_s=1.0,
    first_answer_s=2.0,
    turns=(),
    tool_runs=1,
    events=1,
    event_to_row_ms=Latency(p50=1.0, p99=2.0),
)


def test_each_kill_has_its_moment_and_no_other() -> None:
    story, moments = Story(), []
    for each in _conversation():
        story.see(each)
        for _, event in each.events():
            due = [place for place, step in enumerate(PLAN) if step.due(event, story)]
            moments += [(place, type(event)) for place in due]
    assert moments == [
        (0, SpeechStarted),
        (1, dialog.TurnTaken),
        (2, PlaybackStarted),
        (3, dialog.ToolCalled),
        (4, dialog.ReplyHeard),
        (5, dialog.TurnTaken),
        (6, SentencePlayed),
    ]


def test_a_turn_is_answered_once_nothing_is_left_to_be_heard_or_done() -> None:
    story = _story(
        _taken(1),
        dialog.ReplyBegun(at_ms=0, reply=1, turn=1, kind="answer"),
    )
    assert not story.answered(1)
    story.see(_recorded(dialog.ToolCalled(at_ms=0, invocation="i", turn=1, tool="t", arguments={})))
    story.see(_recorded(dialog.ReplyHeard(at_ms=0, reply=1)))
    assert not story.answered(1)
    story.see(_recorded(dialog.ToolReturned(at_ms=0, invocation="i", tool="t", ok=True)))
    assert story.answered(1)
    assert not story.answered(2)


def test_a_reply_that_was_cut_off_and_is_said_again_does_not_answer_yet() -> None:
    story = _story(_taken(1), dialog.ReplyBegun(at_ms=0, reply=1, turn=1, kind="answer"))
    story.see(_recorded(dialog.ReplyInterrupted(at_ms=0, reply=1, heard="", resumed=True)))
    assert not story.answered(1)
    story.see(_recorded(dialog.ReplyBegun(at_ms=0, reply=2, turn=1, kind="answer", resumes=1)))
    story.see(_recorded(dialog.ReplyHeard(at_ms=0, reply=2)))
    assert story.answered(1)


def test_a_successor_is_known_by_its_first_act() -> None:
    claimed = OwnerClaimed(at_ms=0, role="stt", host="stt-7-x", epoch=2)
    resumed = LineResumed(at_ms=0, stream="MZ", stint=2)
    acts: Sequence[tuple[Victim, CallEvent, tuple[str, int]]] = (
        ("stt", claimed, ("stt-7-x", 2)),
        ("voice", ASKED, ("tts-8-y", 0)),
        ("gateway", resumed, ("tts-8-y", 2)),
    )
    for victim, event, successor in acts:
        assert takes_over(victim, _recorded(event, by="tts-8-y"), event) == successor
        assert takes_over("dialog", _recorded(event, by="tts-8-y"), event) is None
    assert pid_of("stt-7-x") == 7


def test_a_kill_is_told_with_its_process_and_who_went_on() -> None:
    kill = _kill("stt")
    kill.successor, kill.successor_pid, kill.epoch, kill.after_ms = "stt-2", 8, 2, 1_800.0
    assert killed(kill).startswith("-9 stt-1 (process 7)")
    assert went_on(kill) == ("stt-2 (process 8) hears the caller, epoch 2, 1,800 ms after the kill")
    kill.successor = "stt-1"
    assert "hears the caller again" in went_on(kill)


def test_the_caller_of_a_killed_gateway_waited_for_the_agents_voice() -> None:
    kills = [_kill("stt"), _kill("gateway")]
    came_back = Break(last_audio=9.9, lost_at=10.0, heard_at=10.25)
    note_what_the_caller_noticed(kills, [700.0, 800.0], [came_back], 0)
    assert [each.wait_ms for each in kills] == [800.0, 250.0]
    note_what_the_caller_noticed(kills, [700.0, None], [Break(last_audio=9.9, lost_at=10.0)], 0)
    assert [each.wait_ms for each in kills] == [None, None]


@pytest.mark.parametrize(
    ("trouble", "found"),
    [
        (["nobody followed stt-1 (7)"], Verified()),
        ([], Verified(log=[Finding(kind="removed", says="was deleted")])),
        ([], Verified(broken=[Broken(call=CallId("c"), findings=(WRONG,))])),
        ([], Verified(going_on=1)),
    ],
)
def test_a_demo_passes_only_when_every_kill_was_outlived_and_the_call_holds(
    trouble: list[str], found: Verified
) -> None:
    assert kill_report(PLAIN, [_kill("stt")], [], Verified(calls=1)).ok
    assert not kill_report(PLAIN, [_kill("stt")], trouble, found).ok


def _kill(victim: Victim) -> Kill:
    return Kill(victim=victim, process=f"{victim}-1", pid=7, doing="then", turn=2, at_ms=1_000.0)


def _taken(turn: int) -> dialog.TurnTaken:
    return dialog.TurnTaken(
        at_ms=0, turn=turn, utterance=turn, text="x", intent="i", kind="question"
    )


def _conversation() -> list[Recorded]:
    """Eight turns of one reply each; the fifth runs a tool."""
    events: list[CallEvent] = []
    for turn in range(9):
        if turn:
            events += [SpeechStarted(at_ms=0, utterance=turn, first_frame=turn), _taken(turn)]
        if turn == 5:
            events += [
                dialog.ToolCalled(at_ms=0, turn=5, invocation="i", tool="t", arguments={}),
                dialog.ToolReturned(at_ms=0, invocation="i", tool="t", ok=True),
            ]
        events += [
            dialog.ReplyBegun(at_ms=0, reply=turn + 1, turn=turn, kind="answer"),
            PlaybackStarted(at_ms=0, reply=turn + 1),
            SentencePlayed(at_ms=0, reply=turn + 1, sentence=1),
            dialog.ReplyHeard(at_ms=0, reply=turn + 1),
        ]
    return [_recorded(event) for event in events]


def _story(*events: CallEvent) -> Story:
    story = Story()
    for event in events:
        story.see(_recorded(event))
    return story


def _recorded(event: CallEvent, by: str = "dialog-1-z") -> Recorded:
    return Recorded(
        tenant=TenantId("main"),
        call=CallId("c"),
        family="dialog",
        sequence=1,
        stored_ms=0.0,
        message=Message(by=by, events=(event,)),
    )
