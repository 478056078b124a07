"""What the actor's own process does: lets the model write, runs tools, waits."""

from typing import Any, Final

from contracts import dialog
from contracts.agent import Intent
from loadtest.generating.houses import Topic
from loadtest.generating.stage import Stage
from services.call.duties import Duty, Run, Wait, Write, duty
from services.call.state import Talk
from services.call.tools import find

_KEY: Final = "duty"
_MODEL_FAILURES: Final = ("timeout", "rate_limited", "APIConnectionError")
_TOOL_FAILURES: Final = ("TimeoutError", "ClientConnectorError", "status 500")
_MS_A_TOKEN: Final = 12


class Duties:
    """Takes up what the situation asks for, and lets go of what it no longer does."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._duty: Duty | None = None
        self._inherited: Duty | None = None  # an earlier owner had taken it up
        stage.on_change.append(self._look)

    def die(self) -> None:
        """The process is gone; the next owner finds the same duty."""
        self._inherited, self._duty = self._duty, None
        self._stage.agenda.call_off(_KEY)

    def _look(self) -> None:
        stage = self._stage
        wanted = duty(stage.state, stage.house.agent) if stage.owned else None
        if wanted == self._duty:
            return
        stage.agenda.call_off(_KEY)
        self._duty = wanted
        match wanted:
            case Write(reply=reply):
                self._write(wanted, reply)
            case Run():
                self._run(wanted)
            case Wait(turn=turn, awaited=awaited, until_ms=until_ms):
                self._after(
                    until_ms - stage.now_ms,
                    lambda at_ms: dialog.WaitEnded(at_ms=at_ms, turn=turn, awaited=awaited),
                )
            case None:
                pass

    def _after(self, wait_ms: float, fact: Any) -> None:
        """`fact` makes what is reported from the time at which it is."""
        stage = self._stage
        stage.agenda.after(wait_ms, lambda: stage.report(fact(stage.now_ms)), _KEY)

    def _write(self, wanted: Write, reply: int) -> None:
        stage, talk = self._stage, self._stage.talk
        assert talk is not None
        first_ms = stage.random.lognormvariate(5.9, 0.4)
        intent = _intent(stage, talk)
        by = self._give_way(reply, first_ms)
        first_ms *= 2 if by else 1
        if stage.chance(stage.plan.trouble):
            kind = stage.random.choice(_MODEL_FAILURES)
            wait_ms = stage.house.agent.limits.model_ms if kind == "timeout" else first_ms
            self._after(
                wait_ms, lambda at_ms: dialog.ModelFailed(at_ms=at_ms, reply=reply, kind=kind)
            )
        elif intent and intent.tool and not wanted.after_tool:
            self._call_tool(intent.tool, talk, reply, first_ms)
        else:
            self._say(_answer(stage, talk, intent), talk, reply, first_ms, by)

    def _give_way(self, reply: int, first_ms: float) -> str:
        """Now and then the model fails, and this one writes instead; empty: the agent's first."""
        stage, llm = self._stage, self._stage.house.agent.llm
        if not llm.fallbacks or not stage.chance(stage.plan.trouble):
            return ""
        kind, other = stage.random.choice(_MODEL_FAILURES), llm.fallbacks[0].provider
        self._after(
            first_ms,
            lambda at_ms: dialog.ModelGaveWay(
                at_ms=at_ms,
                reply=reply,
                from_provider=llm.provider,
                to_provider=other,
                kind=kind,
                stage="first",
                wait_ms=round(first_ms, 3),
            ),
        )
        return other

    def _say(
        self, answer: tuple[str, ...], talk: Talk, reply: int, first_ms: float, by: str
    ) -> None:
        """Sentence by sentence, at the model's speed; now and then it breaks off."""
        stage, wait_ms, tokens = self._stage, first_ms, 0
        for sentence in answer:
            tokens += len(sentence) // 4 + 1
            wait_ms += (len(sentence) // 4 + 1) * _MS_A_TOKEN
            self._after(
                wait_ms,
                lambda at_ms, s=sentence: dialog.ModelWrote(at_ms=at_ms, reply=reply, text=s),
            )
            if stage.chance(stage.plan.trouble / 2):
                self._after(
                    wait_ms + 500,
                    lambda at_ms: dialog.ModelFailed(at_ms=at_ms, reply=reply, kind="timeout"),
                )
                return
        read = 220 + 35 * len(talk.history) + 60 * len(talk.sources)
        self._after(
            wait_ms + 5,
            lambda at_ms: dialog.ModelFinished(
                at_ms=at_ms, reply=reply, tokens_in=read, tokens_out=tokens, provider=by
            ),
        )

    def _call_tool(self, tool: str, talk: Talk, reply: int, first_ms: float) -> None:
        """With what the caller named; sometimes with what the tool does not take."""
        stage, slots = self._stage, dict(talk.understood.slots) if talk.understood else {}
        found = find(stage.house.agent, tool)
        taken = (found.parameters.get("properties") if found else None) or {}
        arguments: dict[str, Any] = {name: value for name, value in slots.items() if name in taken}
        if stage.chance(stage.plan.trouble):
            arguments, tool = stage.random.choice(
                (({"when": "soon"}, tool), (arguments, "erase_all"))
            )
        self._after(
            first_ms,
            lambda at_ms: dialog.ModelCalledTool(
                at_ms=at_ms, reply=reply, tool=tool, arguments=arguments
            ),
        )

    def _run(self, wanted: Run) -> None:
        stage, took_ms = self._stage, round(self._stage.random.lognormvariate(5.3, 0.6), 3)
        found = find(stage.house.agent, wanted.tool)
        once = found is not None and not found.idempotent
        ok = not (once and wanted == self._inherited) and not stage.chance(
            0.05 + stage.plan.trouble
        )
        unsure = not ok and once and (wanted == self._inherited or stage.chance(0.4))
        result: dict[str, Any] = {"error": stage.random.choice(_TOOL_FAILURES)}
        if ok:
            result = stage.random.choice(stage.house.results.get(wanted.tool, ({},)))
        self._after(
            took_ms,
            lambda at_ms: dialog.ToolReported(
                at_ms=at_ms,
                invocation=wanted.invocation,
                ok=ok,
                result=result,
                took_ms=took_ms,
                unsure=unsure,
            ),
        )


def _intent(stage: Stage, talk: Talk) -> Intent | None:
    name = talk.understood.intent if talk.understood else ""
    return next((each for each in stage.house.agent.intents if each.name == name), None)


def _answer(stage: Stage, talk: Talk, intent: Intent | None) -> tuple[str, ...]:
    """What the model writes, in sentences; nothing when it is dumb just now."""
    if stage.chance(stage.plan.trouble / 3):
        return ()
    topic: Topic | None = stage.house.topic(intent.name) if intent else None
    if topic is None or (topic.passages and not talk.sources):
        return (stage.house.agent.phrases.unknown,)
    return stage.random.choice(topic.answers)
