"""A call told as given / when / then: facts go in, the rules' own decisions build the state."""

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from contracts import dialog, line, passages, synthesis, transcript
from contracts.agent import Agent, Intent, Limits, Phrases, Tool, Transfer
from contracts.dialog import InnerFact
from contracts.event import AgentRef
from contracts.ids import AgentId, DocumentId
from contracts.recorded import DialogEvent, Fact
from services.call.decide import decide
from services.call.evolve import evolve, fold
from services.call.state import CallState, Talk, Unopened

AnyFact: TypeAlias = Fact | InnerFact
UNOPENED = Unopened()
NOW = 1_750_000_000_000
REF = AgentRef(agent=AgentId("receptionist"), revision=3)

BOOKING = Tool(
    name="book",
    description="Book an appointment.",
    url="http://127.0.0.1:9/bookings",
    parameters={
        "type": "object",
        "additionalProperties": False,
        "required": ["day"],
        "properties": {"day": {"type": "string", "enum": ["monday", "tuesday"]}},
    },
    ask="On {day}. Shall I book it?",
    done="Booked for {day}. Your number is {number}.",
)
LOOK_UP = Tool(name="look_up", description="Look a booking up.", confirm=False)
AGENT = Agent(
    name="receptionist",
    languages=("en-US",),
    variables={"practice": "Linden Practice"},
    phrases=Phrases(greeting="Hello, this is the {practice}. What can I do for you?"),
    intents=(
        Intent(name="hours", kind="question", phrases=("when are you open",)),
        Intent(name="book", kind="action", tool="book", phrases=("book me in on {day}",)),
        Intent(name="yes", kind="confirm", answer="yes", phrases=("yes please",)),
        Intent(name="no", kind="confirm", answer="no", phrases=("no thank you",)),
        Intent(name="person", kind="action", tool="transfer", phrases=("a real person please",)),
        Intent(name="name", kind="hello", phrases=("who is this",), reply="This is Linden."),
    ),
    slots={"day": ("monday", "tuesday")},
    digits={"0": "a real person please"},
    tools=(BOOKING, LOOK_UP),
    transfer=Transfer(to="+15550100"),
    limits=Limits(failures=3, passages_ms=1_500),
    knowledge="knowledge",
)


@dataclass(frozen=True)
class Scene:
    """A call so far."""

    state: CallState = UNOPENED
    agent: Agent = AGENT

    def given(self, *those: AnyFact | DialogEvent) -> "Scene":
        """The call after facts, each decided upon, and after decisions taken as they are."""
        state = self.state
        for one in those:
            if isinstance(one, DialogEvent):
                state = evolve(state, one)
            else:
                state = fold(decide(one, state, self.agent), state)
        return replace(self, state=state)

    def when(self, fact: AnyFact) -> list[DialogEvent]:
        """What is decided next."""
        return decide(fact, self.state, self.agent)

    @property
    def talk(self) -> Talk:
        assert not isinstance(self.state, Unopened)
        assert self.state.talk is not None
        return self.state.talk


def given(*those: AnyFact | DialogEvent, agent: Agent = AGENT) -> Scene:
    return Scene(agent=agent).given(*those)


def kinds(events: list[DialogEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def spoken(events: list[DialogEvent]) -> str:
    """The sentences written, in order."""
    return " ".join(e.text for e in events if isinstance(e, dialog.SentenceWritten))


def rang(**variables: str) -> line.LineRang:
    return line.LineRang(
        at_ms=NOW, carrier="loopback", carrier_call="CA1", agent=REF, variables=variables
    )


def answered() -> line.LineAnswered:
    return line.LineAnswered(at_ms=NOW, stream="MZ1")


def said(text: str, utterance: int = 1) -> transcript.TranscriptFinalized:
    return transcript.TranscriptFinalized(
        at_ms=NOW, utterance=utterance, text=text, confidence=0.9, speech_ended_ms=NOW - 500
    )


def misheard(utterance: int = 1) -> transcript.UtteranceMisheard:
    return transcript.UtteranceMisheard(
        at_ms=NOW, utterance=utterance, reason="unsure", speech_ended_ms=NOW - 500
    )


def played(reply: int) -> line.PlaybackFinished:
    return line.PlaybackFinished(at_ms=NOW, reply=reply)


def cleared(
    reply: int,
    sentence: int = 1,
    played_ms: int = 500,
    of_ms: int = 1_000,
    whole: bool = True,
    words: int | None = None,
) -> line.PlaybackCleared:
    return line.PlaybackCleared(
        at_ms=NOW,
        reply=reply,
        sentence=sentence,
        played_ms=played_ms,
        sentence_ms=of_ms,
        whole=whole,
        words=words,
    )


def pressed(digit: str) -> line.DigitPressed:
    return line.DigitPressed(at_ms=NOW, digit=digit)


def hung_up() -> line.LineEnded:
    return line.LineEnded(at_ms=NOW, reason="caller_hung_up")


def lost(reply: int = 0, sentence: int = 0, planned: bool = False) -> line.LineLost:
    return line.LineLost(at_ms=NOW, reason="reset", reply=reply, sentence=sentence, planned=planned)


def back(stint: int = 2) -> line.LineResumed:
    return line.LineResumed(at_ms=NOW, stream="MZ2", stint=stint)


def passage(text: str = "We are open from nine to five.", chunk: int = 0) -> passages.Passage:
    return passages.Passage(
        document=DocumentId("hours"), chunk=chunk, title="Opening hours", text=text, score=2.5
    )


def found(turn: int, *those: passages.Passage) -> passages.PassagesFound:
    return passages.PassagesFound(at_ms=NOW, turn=turn, passages=those, took_ms=3.0)


def not_found(turn: int) -> passages.PassagesFailed:
    return passages.PassagesFailed(at_ms=NOW, turn=turn, kind="StoreAway")


def waited(turn: int) -> dialog.WaitEnded:
    return dialog.WaitEnded(at_ms=NOW, turn=turn, awaited="passages")


def wrote(reply: int, text: str) -> dialog.ModelWrote:
    return dialog.ModelWrote(at_ms=NOW, reply=reply, text=text)


def model_done(reply: int) -> dialog.ModelFinished:
    return dialog.ModelFinished(at_ms=NOW, reply=reply, tokens_in=10, tokens_out=5)


def model_failed(reply: int) -> dialog.ModelFailed:
    return dialog.ModelFailed(at_ms=NOW, reply=reply, kind="timeout")


def gave_way(reply: int) -> dialog.ModelGaveWay:
    return dialog.ModelGaveWay(
        at_ms=NOW,
        reply=reply,
        from_provider="groq",
        to_provider="rules",
        kind="timeout",
        stage="first",
        wait_ms=3_000.0,
    )


def asked_for(tool: str, reply: int, **arguments: Any) -> dialog.ModelCalledTool:
    return dialog.ModelCalledTool(at_ms=NOW, reply=reply, tool=tool, arguments=arguments)


def reported(invocation: str, ok: bool = True, **result: Any) -> dialog.ToolReported:
    return dialog.ToolReported(at_ms=NOW, invocation=invocation, ok=ok, result=result, took_ms=7.0)


GREETED = (rang(), answered(), played(1))  # the greeting was heard; the next reply is number 2
"""Where most scenes begin."""
PROPOSED = (*GREETED, said("book me in on monday"), asked_for("book", 2, day="monday"))
ASKED = (*PROPOSED, played(2))  # the caller was asked to confirm; the next reply is number 3

ONLY_TOLD: list[AnyFact] = [
    line.SpeechStarted(at_ms=NOW, utterance=1, first_frame=1, over_reply=2),
    line.SpeechEnded(at_ms=NOW, utterance=1, last_frame=9, ended_ms=NOW),
    line.PlaybackStarted(at_ms=NOW, reply=2),
    line.SentencePlayed(at_ms=NOW, reply=2, sentence=1),
    line.CarrierReported(at_ms=NOW, status="completed", sequence=1),
    synthesis.SynthesisDropped(at_ms=NOW, reply=2, sentence=1, audio_ms=10),
    synthesis.VoiceSwitched(
        at_ms=NOW,
        reply=2,
        sentence=1,
        from_provider="tone",
        to_provider="tones",
        kind="x",
        stage="amid",
    ),
    transcript.RecogniserSwitched(
        at_ms=NOW,
        utterance=1,
        from_provider="scripted",
        to_provider="tones",
        kind="x",
        stage="first",
    ),
    synthesis.SynthesisFailed(at_ms=NOW, reply=2, sentence=1, kind="x", provider="tone"),
]
"""Facts that others care for."""
