"""What a followed call has told so far: who holds it, and how far it is. Pure."""

from typing import Final

from contracts import dialog
from contracts.event import OwnerClaimed
from contracts.line import LineAnswered, LineResumed
from contracts.recorded import CallEvent, Recorded
from contracts.synthesis import SentenceSynthesized


class Story:
    """One call, as far as it was seen."""

    def __init__(self) -> None:
        self.holder: Final[dict[str, str]] = {}  # stt, dialog, voice, gateway -> host id
        self.epoch: Final[dict[str, int]] = {}  # stt, dialog, gateway -> how many had it
        self.turn = 0  # taken last; 0: none
        self.turn_of: Final[dict[int, int]] = {}  # reply -> turn
        self.written_ms: Final[dict[tuple[int, int], float]] = {}  # (reply, sentence) -> stored
        self.newest = 0  # stream sequence
        self.ended = False
        self._over: Final[set[int]] = set()  # replies heard, or given up for good
        self._running: Final[set[str]] = set()  # tools under way

    def see(self, recorded: Recorded) -> None:
        """Take in the next message."""
        self.newest = max(self.newest, recorded.sequence)
        for _, event in recorded.events():
            self._see(recorded, event)

    def answered(self, turn: int) -> bool:
        """The caller heard the turn's last reply, and nothing is left to be said. 0: greeting."""
        reply = max(self.turn_of, default=0)
        return (
            self.turn == turn == self.turn_of.get(reply)
            and reply in self._over
            and not self._running
        )

    def _see(self, recorded: Recorded, event: CallEvent) -> None:
        match event:
            case OwnerClaimed(role=role, host=host, epoch=epoch):
                self.holder[role], self.epoch[role] = host, epoch
            case LineAnswered() | LineResumed():
                self.holder["gateway"] = recorded.message.by
                self.epoch["gateway"] = getattr(event, "stint", 1)
            case SentenceSynthesized():
                self.holder["voice"] = recorded.message.by
            case dialog.TurnTaken(turn=turn) | dialog.TurnMisheard(turn=turn):
                self.turn = turn
            case dialog.ReplyBegun(reply=reply, turn=turn):
                self.turn_of[reply] = turn
            case dialog.SentenceWritten(reply=reply, sentence=sentence):
                self.written_ms[reply, sentence] = recorded.stored_ms
            case dialog.ReplyHeard(reply=reply):
                self._over.add(reply)
            case dialog.ReplyInterrupted(reply=reply, resumed=False):
                self._over.add(reply)
            case dialog.ToolCalled(invocation=invocation):
                self._running.add(invocation)
            case dialog.ToolReturned(invocation=invocation):
                self._running.discard(invocation)
            case dialog.CallEnded():
                self.ended = True
            case _:
                pass
