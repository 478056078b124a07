"""A call that goes on and on, each turn of which has all that makes rows."""

from stories import AGENT, Story, at, passage, rang, sentence, synthesized

from contracts import dialog, line, passages, transcript

_TURN_MS = 8_000


def opened() -> Story:
    """Ring and greeting."""
    return (
        Story()
        .stored(1, rang())
        .stored(21, line.LineAnswered(at_ms=at(20), stream="MZ1"))
        .stored(
            30,
            dialog.CallOpened(at_ms=at(29), agent=AGENT, language="en-US"),
            dialog.ReplyBegun(at_ms=at(29), reply=1, turn=0, kind="greeting"),
            sentence(1, 1, "Hello.", at(29)),
            dialog.ReplyFinished(at_ms=at(29), reply=1, sentences=1),
        )
    )


def go_on(story: Story, first: int, last: int) -> Story:
    """These turns, starting at 1: asked, answered from the knowledge, looked up, spoken over."""
    for turn in range(first, last + 1):
        _ask(story, turn)
        _answer(story, turn)
    return story


def pressed(story: Story, turn: int) -> Story:
    """A turn without an utterance."""
    return story.stored(
        turn * _TURN_MS,
        dialog.TurnTaken(
            at_ms=at(turn * _TURN_MS),
            turn=turn,
            utterance=0,
            text="yes",
            intent="yes",
            kind="answer",
            slots={},
            confidence=1.0,
            speech_ended_ms=0,
        ),
    )


def _ask(story: Story, turn: int) -> None:
    ms, said = turn * _TURN_MS, "what is a check-up"
    ended_ms = at(ms + 1_000)
    story.stored(
        ms,
        line.SpeechStarted(at_ms=at(ms), utterance=turn, first_frame=turn * 400, over_reply=turn),
    )
    story.stored(
        ms + 1,
        dialog.ReplyInterrupted(at_ms=at(ms + 1), reply=turn, heard="A", sentence=1, played_ms=9),
    )
    story.stored(
        ms + 1_200,
        line.SpeechEnded(
            at_ms=at(ms + 1_200), utterance=turn, last_frame=turn * 400 + 50, ended_ms=ended_ms
        ),
    )
    story.stored(
        ms + 1_500,
        transcript.TranscriptFinalized(
            at_ms=at(ms + 1_500),
            utterance=turn,
            text=said,
            confidence=0.9,
            speech_ended_ms=ended_ms,
        ),
    )
    story.stored(
        ms + 1_501,
        dialog.TurnTaken(
            at_ms=at(ms + 1_501),
            turn=turn,
            utterance=turn,
            text=said,
            intent="price",
            kind="question",
            slots={},
            confidence=0.9,
            speech_ended_ms=ended_ms,
        ),
        dialog.PassagesWanted(at_ms=at(ms + 1_501), turn=turn, question=said, agent=AGENT),
    )


def _answer(story: Story, turn: int) -> None:
    ms, reply, run = turn * _TURN_MS + 1_600, turn + 1, f"run-{turn}"
    found = (passage(4, 7.5), passage(1, 2.5))
    story.stored(ms, passages.PassagesFound(at_ms=at(ms), turn=turn, passages=found, took_ms=3.0))
    story.stored(
        ms + 10,
        dialog.PassagesTaken(at_ms=at(ms + 10), turn=turn, sources=("prices#4",)),
        dialog.ToolCalled(
            at_ms=at(ms + 10), invocation=run, turn=turn, tool="look_up", arguments={}
        ),
    )
    story.stored(
        ms + 20,
        dialog.ToolReturned(
            at_ms=at(ms + 20),
            invocation=run,
            tool="look_up",
            ok=turn % 2 == 0,
            result={},
            took_ms=9,
        ),
        dialog.ReplyBegun(at_ms=at(ms + 20), reply=reply, turn=turn, kind="answer"),
        sentence(reply, 1, "A check-up is 40 pounds.", at(ms + 20)),
        dialog.ReplyFinished(at_ms=at(ms + 20), reply=reply, sentences=1),
    )
    story.stored(ms + 30, synthesized(reply, 1, 9.0))
    story.stored(ms + 40, line.PlaybackStarted(at_ms=at(ms + 40), reply=reply))
