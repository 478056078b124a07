"""A call shown while it goes on: one line for each thing worth knowing."""

from typing import Final

from rich.console import Console
from rich.markup import escape

from contracts import dialog, line, passages, synthesis, transcript
from contracts.recorded import CallEvent, Recorded

_LANES: Final = {
    "caller": "cyan",
    "agent": "green",
    "line": "red",
    "kill": "bold red",
    "alive": "bold green",
    "": "dim",
}


class LiveView:
    """Prints what a followed call's events mean to somebody who watches."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.rang_ms = 0  # UNIX time in milliseconds
        self._speech_ended_ms: dict[int, int] = {}  # by turn
        self._turn_of: dict[int, int] = {}  # reply -> turn
        self._sentences: dict[int, list[str]] = {}  # reply -> what was written
        self._resumed: set[int] = set()  # replies that say what was not heard before

    def show(self, recorded: Recorded) -> None:
        """Print the message's events, those that say something."""
        for _, event in recorded.events():
            if isinstance(event, line.LineRang):
                self.rang_ms = event.at_ms
            self._remember(event)
            said = self._line(event)
            if said:
                self.say(event.at_ms, *said)

    def _remember(self, event: CallEvent) -> None:
        match event:
            case dialog.TurnTaken(turn=turn, speech_ended_ms=ended_ms):
                self._speech_ended_ms[turn] = ended_ms
            case dialog.TurnMisheard(turn=turn, speech_ended_ms=ended_ms):
                self._speech_ended_ms[turn] = ended_ms
            case dialog.ReplyBegun(reply=reply, turn=turn, resumes=resumes):
                self._turn_of[reply] = turn
                if resumes:
                    self._resumed.add(reply)
            case dialog.SentenceWritten(reply=reply, text=text):
                self._sentences.setdefault(reply, []).append(text)
            case _:
                pass

    def _line(self, event: CallEvent) -> tuple[str, str] | None:
        """Lane and text, or nothing."""
        match event:
            case line.LineRang(carrier=carrier):
                return "line", f"ring by {carrier}"
            case line.LineAnswered():
                return "line", "answered"
            case dialog.TurnTaken(text=text, intent=intent, confidence=confidence):
                return "caller", f"{escape(text)}   [dim]intent {intent}, {confidence:.0%}[/dim]"
            case transcript.UtteranceMisheard(reason=reason):
                return "caller", f"[dim]… not understood ({reason})[/dim]"
            case passages.PassagesFound(passages=found, took_ms=took_ms):
                names = ", ".join(f"{p.document}#{p.chunk} {p.score:.1f}" for p in found[:2])
                return "", f"knowledge: {names or 'nothing'}   [dim]{took_ms:.1f} ms[/dim]"
            case dialog.ToolProposed(tool=tool) | dialog.ToolCalled(tool=tool):
                happens = "asks before" if isinstance(event, dialog.ToolProposed) else "runs"
                return "", f"{happens} {tool}"
            case dialog.ToolReturned(tool=tool, ok=ok, took_ms=took_ms):
                came = "done" if ok else "failed"
                return "", f"{tool} {came}   [dim]{took_ms:.1f} ms[/dim]"
            case (
                transcript.RecogniserSwitched() | dialog.ModelSwitched() | synthesis.VoiceSwitched()
            ):
                why = "is slow" if event.kind == "slow" else f"failed ({event.kind})"
                return "", f"{event.from_provider} {why}: {event.to_provider} goes on"
            case line.PlaybackStarted(reply=reply):
                return "agent", self._reply(event, reply)
            case dialog.ReplyInterrupted(heard=heard, resumed=True):
                return "line", f"cut off: the caller heard only “{escape(heard)}”"
            case dialog.ReplyInterrupted(heard=heard):
                return "line", f"barge-in: the caller heard only “{escape(heard)}”"
            case line.LineLost(planned=False):
                return "line", "lost"
            case line.LineResumed(stint=stint):
                return "line", f"the caller is back, stint {stint}"
            case dialog.TransferRequested(to=to):
                return "line", f"transfer to {to}"
            case line.LineEnded(reason=reason):
                return "line", f"ended: {reason.replace('_', ' ')}"
            case _:
                return None

    def _reply(self, event: line.PlaybackStarted, reply: int) -> str:
        text = " ".join(self._sentences.get(reply, ()))
        turn = 0 if reply in self._resumed else self._turn_of.get(reply, 0)
        ended_ms = self._speech_ended_ms.get(turn)
        wait = f"   [dim]waited {event.at_ms - ended_ms} ms[/dim]" if ended_ms else ""
        return f"{escape(text)}{wait}"

    def say(self, at_ms: float, lane: str, text: str) -> None:
        """Print a line. `at_ms`: UNIX time in milliseconds; `text`: with markup."""
        offset_s = (at_ms - self.rang_ms) / 1000
        colour = _LANES[lane]
        who = f"[{colour}]{lane:>6}[/{colour}]"
        self._console.print(f"[dim]{offset_s:+8.3f} s[/dim]  {who}  {text}", soft_wrap=True)
