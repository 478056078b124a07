"""What came of a failure first."""

from collections.abc import Callable
from typing import Final

from contracts.dialog import ReplyBegun, ReplyFinished, ReplyInterrupted, TurnMisheard, TurnTaken
from contracts.line import LineResumed, PlaybackCleared, PlaybackFinished
from projections.failures.rows import FailureRow, Reply, Talk
from projections.folding import Rows

_ANSWERED: Final = {"fallback": "fallback", "transfer": "transfer", "result": "result"}


def begin(rows: Rows, event: ReplyBegun) -> None:
    """A reply begins: it is what follows its turn's failures, and those of a tool.

    A tool's result may be told in a later turn than the tool was called in.
    """
    rows.of(Reply, event.reply).turn = event.turn
    if event.resumes or event.kind == "bridge":
        return
    how = _ANSWERED.get(event.kind, "answer")
    rows.of(Talk).answered = (event.turn, event.reply, how)
    for row in _settle(rows, lambda row: row.stage == "tool" or _spoiled(row, event)):
        row.reply, row.followed = event.reply, how
        if row.turn is None:
            row.turn = event.turn
        if row.stage == "stt" and event.kind == "fallback":
            row.followed = "asked_again"


def _spoiled(row: FailureRow, event: ReplyBegun) -> bool:
    return row.stage in ("stt", "rag") and row.turn == event.turn


def finish(rows: Rows, event: ReplyFinished) -> None:
    """A phrase about a tool's failure may end a reply that was begun before."""
    for row in _settle(rows, lambda row: row.stage == "tool"):
        row.reply = event.reply
        row.followed = "fallback" if row.kind == "refused" else "result"
        if row.turn is None:
            row.turn = turn_of(rows, event.reply)


def play(rows: Rows, event: PlaybackFinished) -> None:
    """The caller heard a reply to its end but for what failed."""
    _play(rows, event.reply, "left_out")


def cut(rows: Rows, event: PlaybackCleared) -> None:
    """A reply is over for the caller before its end."""
    _play(rows, event.reply, "left_out" if event.left_out else "interrupted")


def _play(rows: Rows, reply: int, how: str) -> None:
    rows.of(Talk).played = (reply, how)
    for row in _settle(rows, lambda row: row.stage == "tts" and row.reply == reply):
        row.followed = how


def give_up(rows: Rows, event: ReplyInterrupted) -> None:
    """This reply and those before it are over; what is still said of them is no failure."""
    talk, reply = rows.of(Talk), event.reply
    talk.given_up = max(talk.given_up, reply)
    for row in _settle(rows, lambda row: row.stage == "tts" and (row.reply or 0) <= reply):
        row.followed = "interrupted"


def wait(rows: Rows, row: FailureRow) -> None:
    """See what follows, if that did not come before the word of the failure."""
    talk = rows.of(Talk)
    turn, reply, answered = talk.answered
    played, heard = talk.played
    if row.stage == "rag" and row.turn == turn:
        row.reply, row.followed = reply, answered
    elif row.stage == "tts" and row.reply == played:
        row.followed = heard
    else:
        talk.waiting.append((row.sequence, row.index))


def overtake(rows: Rows, event: TurnTaken | TurnMisheard) -> None:
    """The caller spoke on before there was an answer."""
    earlier = _settle(rows, lambda row: row.stage == "rag" and (row.turn or 0) < event.turn)
    for row in earlier:
        row.followed = "overtaken"


def come_back(rows: Rows, event: LineResumed) -> None:
    """The caller is on the line again."""
    for row in _settle(rows, lambda row: row.stage == "line"):
        row.followed = "returned"


def end(rows: Rows) -> None:
    """Nothing can follow any more."""
    for row in _settle(rows, lambda _: True):
        row.followed = "ended"


def turn_of(rows: Rows, reply: int) -> int | None:
    """The turn that a reply answers. None: its begin is not known."""
    found = rows.find(Reply, reply)
    return found.turn if found else None


def _settle(rows: Rows, which: Callable[[FailureRow], bool]) -> list[FailureRow]:
    """Rows that waited for this, to be changed; they wait no more."""
    talk = rows.find(Talk)
    if talk is None or not talk.waiting:
        return []
    waiting = [(key, rows.find(FailureRow, *key)) for key in talk.waiting]
    found = [key for key, row in waiting if row is not None and which(row)]
    talk.waiting = [key for key in talk.waiting if key not in found]
    return [rows.at(FailureRow, key) for key in found]
