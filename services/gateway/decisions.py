"""What the call's actor and the synthesiser decided, as far as it concerns the line."""

from contracts.dialog import (
    CallEnded,
    CallerReturned,
    HangUpRequested,
    ReplyFinished,
    ReplyInterrupted,
    SentenceWritten,
    TransferRequested,
)
from contracts.event import OwnerClaimed
from contracts.line import LineEnded, LineLost, LineResumed
from contracts.recorded import CallEvent
from contracts.synthesis import SentenceSynthesized, SynthesisDropped, SynthesisFailed
from services.gateway.line import Line


def obey(line: Line, event: CallEvent) -> None:
    """Do on the line what `event` asks for; most events ask for nothing."""
    match event:
        case OwnerClaimed(role="dialog", epoch=epoch):
            line.mouth.own(epoch)
        case CallerReturned(stint=stint, reply=reply):
            line.speak_on(stint, reply)
        case TransferRequested():
            line.end("transferred")
        case HangUpRequested() | CallEnded():
            line.end("agent_hung_up")
        case LineLost() | LineResumed() | LineEnded():
            line.look()
        case _ if line.may_speak:
            _speak(line, event)


def _speak(line: Line, event: CallEvent) -> None:
    match event:
        case SentenceWritten(reply=reply, sentence=sentence):
            line.mouth.expect(reply, sentence)
        case ReplyFinished(reply=reply, sentences=sentences):
            line.mouth.written(reply, sentences)
        case ReplyInterrupted(reply=reply):
            line.mouth.cancel(reply)
        case SentenceSynthesized(reply=reply, sentence=sentence, word_ends_ms=word_ends_ms):
            line.mouth.announced(reply, sentence, word_ends_ms)
        case SynthesisFailed(reply=reply, sentence=sentence):
            line.mouth.leave_out(reply, sentence)
        case SynthesisDropped(reply=reply, sentence=sentence):
            line.mouth.leave_out(reply, sentence)
        case _:
            pass
