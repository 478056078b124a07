"""The caller's leg: rung, answered, lost, taken up again, ended."""

from collections.abc import Callable
from functools import partial
from typing import Final

from contracts import dialog
from contracts.event import AgentRef
from contracts.line import (
    CarrierReported,
    EndReason,
    LineAnswered,
    LineEnded,
    LineLost,
    LineRang,
    LineResumed,
)
from contracts.recorded import DialogEvent, LineEvent
from loadtest.generating.mouth import Mouth
from loadtest.generating.plan import Loss
from loadtest.generating.stage import Stage

_RETURN_MS: Final = 30_000  # a lost line is waited for so long
_POSTPONED_MS: Final = 700
_UNANSWERED_MS: Final = 60_000
_FRAME_MS: Final = 20


class Line:
    """Who holds the call's line, and what they record of it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.holder = stage.host("gateway")
        self.since_ms = 0  # UNIX time at which the present stint began
        self.mouth = Mouth(stage, lambda: self.holder)
        self.on_over: list[Callable[[], None]] = []
        self._reports = 0
        self._busy: Callable[[], bool] = lambda: False
        stage.on_decided.append(self._on_decided)

    def write(self, *events: LineEvent) -> None:
        """Record these of the present stint together."""
        self._stage.fact("line", self.holder, *events, epoch=self._stage.stint)

    def ring(self, agent: AgentRef) -> None:
        """The carrier offers the call, or the agent's own call is taken."""
        stage, house, random = self._stage, self._stage.house, self._stage.random
        person = house.number(random)
        rang = LineRang(
            at_ms=stage.now_ms,
            carrier=house.carrier,
            carrier_call=f"CA{random.randbytes(16).hex()}",
            direction="outbound" if house.outbound else "inbound",
            caller=person,
            called=person if house.outbound else house.called,
            agent=agent,
            variables=_variables(stage) if house.outbound else {},
        )
        stage.fact("line", self.holder, rang)
        if house.outbound:
            stage.agenda.after(40, lambda: self._report("ringing"))

    def wait(self, busy: Callable[[], bool]) -> None:
        """What is planned for the line comes about. `busy`: not now, the caller speaks."""
        stage, plan, self._busy = self._stage, self._stage.plan, busy
        if plan.answered_ms is None:
            if not plan.abandoned:
                stage.agenda.after(_UNANSWERED_MS, self._unanswered)
            return
        stage.agenda.after(plan.answered_ms, self._answer)
        for at_ms, loss in plan.losses:
            stage.agenda.after(plan.answered_ms + at_ms, partial(self._lose, loss))
        if plan.sudden:
            at_ms, reason = plan.sudden
            stage.agenda.after(plan.answered_ms + at_ms, lambda: self.end(reason))

    def end(self, reason: EndReason) -> None:
        """Hang up, once."""
        stage = self._stage
        if stage.over:
            return
        cleared = self.mouth.cut()
        stage.over, stage.up = True, False
        self._fall_silent()
        flowed_ms = stage.now_ms - stage.answered_ms if stage.answered_ms else 0
        frames = flowed_ms // _FRAME_MS
        ended = LineEnded(
            at_ms=stage.now_ms,
            reason=reason,
            frames=frames,
            late_frames=round(frames * stage.random.choice((0, 0, 0, 0.001, 0.03))),
            dropped_messages=int(stage.chance(0.01)),
        )
        if stage.answered_ms:
            stage.agenda.after(400, lambda: self._report("completed", flowed_ms // 1000 + 1))
        self.write(*([cleared] if cleared else []), ended)

    def _answer(self) -> None:
        stage = self._stage
        if stage.over:
            return
        stage.stint, stage.up = 1, True
        stage.answered_ms = self.since_ms = stage.now_ms
        stage.agenda.after(120, lambda: self._report("in-progress"))
        self.write(LineAnswered(at_ms=stage.now_ms, stream=self._stream()))

    def _unanswered(self) -> None:
        self._report("no-answer")
        self.end("unanswered")

    def _lose(self, kind: Loss) -> None:
        stage = self._stage
        if stage.over:
            return
        if self._busy() or not stage.up:
            stage.agenda.after(_POSTPONED_MS, lambda: self._lose(kind))
            return
        reply, sentence = self.mouth.reply, self.mouth.confirmed
        planned = kind == "handed_over"
        reason = {"handed_over": "handed over", "thought_dead": "its gateway is gone"}.get(kind)
        if kind != "thought_dead":
            self.mouth.drop()
            stage.up = False
            self._fall_silent()
        self._go_on_after(kind)
        self.write(
            LineLost(
                at_ms=stage.now_ms,
                reason=reason or "connection reset",
                reply=reply,
                sentence=sentence,
                planned=planned,
            )
        )

    def _go_on_after(self, kind: Loss) -> None:
        agenda, random = self._stage.agenda, self._stage.random
        match kind:
            case "returns":
                agenda.after(random.randint(1_500, 20_000), lambda: self._resume(unbroken=False))
            case "handed_over":
                agenda.after(random.randint(80, 900), lambda: self._resume(unbroken=False))
            case "thought_dead":
                agenda.after(random.randint(3, 30), lambda: self._resume(unbroken=True))
            case "stays_away":
                agenda.after(_RETURN_MS, lambda: self.end("line_lost"))
            case "forgotten":
                pass  # the actor lets it go in the end

    def _resume(self, *, unbroken: bool) -> None:
        stage = self._stage
        if stage.over:
            return
        stage.stint += 1
        stage.up = True
        if not unbroken:
            self.holder, self.since_ms = stage.host("gateway"), stage.now_ms
        resumed = LineResumed(
            at_ms=stage.now_ms, stream=self._stream(), stint=stage.stint, unbroken=unbroken
        )
        self.write(resumed)

    def _fall_silent(self) -> None:
        for tell in self.on_over:
            tell()

    def _report(self, status: str, duration_s: int | None = None) -> None:
        if self._stage.house.carrier != "twilio":
            return
        report = CarrierReported(
            at_ms=self._stage.now_ms,
            status=status,
            sequence=self._reports,
            duration_s=duration_s,
        )
        self._reports += 1
        self._stage.fact("line", self.holder, report)

    def _on_decided(self, event: DialogEvent) -> None:
        agenda, random = self._stage.agenda, self._stage.random
        match event:
            case dialog.HangUpRequested():
                agenda.after(random.randint(30, 300), lambda: self.end("agent_hung_up"))
            case dialog.TransferRequested():
                agenda.after(random.randint(300, 1_500), lambda: self.end("transferred"))
            case dialog.CallEnded():
                self._stage.over, self._stage.up = True, False
            case _:
                pass

    def _stream(self) -> str:
        return f"MZ{self._stage.random.randbytes(16).hex()}"


def _variables(stage: Stage) -> dict[str, str]:
    names = ("Alex", "Sam", "Robin", "Kim", "Toni")
    return {
        "name": stage.random.choice(names),
        "invoice": f"F{stage.random.randrange(10_000, 99_999)}",
    }
