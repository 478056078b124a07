"""A call told as events, as the log would hold it, and the projections' answer to it."""

from datetime import UTC, datetime

from contracts import dialog, line, passages, synthesis, transcript
from contracts.event import AgentRef
from contracts.ids import AgentId, CallId, DocumentId, TenantId, new_call_id
from contracts.recorded import CallEvent, Decision, Message, Recorded
from contracts.streams import Family
from infra.postgres import Pool
from projections.call_fold import Readers, folded
from projections.projection import Projection
from projections.reading import Place
from projections.schema import prepare
from projections.storing import store_rows

TENANT = TenantId("practice")
RANG_MS = 1_750_000_000_000
AGENT = AgentRef(agent=AgentId("receptionist"), revision=3)
_MODULES: dict[str, Family] = {
    "contracts.line": "line",
    "contracts.transcript": "transcript",
    "contracts.passages": "passages",
    "contracts.synthesis": "synthesis",
    "contracts.outcome": "outcome",
}


def family_of(event: CallEvent) -> Family:
    return _MODULES.get(type(event).__module__, "dialog")


class Story:
    """Messages of one call, each stored `stored_ms` after the ring."""

    def __init__(self, call: CallId | None = None, *, first_sequence: int = 1) -> None:
        self.call = call or new_call_id()
        self.messages: list[Recorded] = []
        self._sequence = first_sequence

    def stored(
        self, stored_ms: float, *events: CallEvent, cause: dialog.InnerFact | None = None
    ) -> "Story":
        """`cause`: what the actor's own process reported, where the events answer that."""
        decision = Decision(n=1, basis=0, cause=cause) if cause else None
        self.messages.append(
            Recorded(
                tenant=TENANT,
                call=self.call,
                family=family_of(events[0]),
                sequence=self._sequence,
                stored_ms=RANG_MS + stored_ms,
                message=Message(by="someone", events=events, decision=decision),
            )
        )
        self._sequence += 1
        return self

    async def remembered(self, pool: Pool, projection: Projection) -> None:
        """Write the rows of all messages."""
        generation = await prepare(pool, projection)
        assert generation is not None
        place = Place(TENANT, self.call)
        fold, refused = folded(place, Readers([projection]), self.messages)
        assert not refused
        async with pool.acquire() as db, db.transaction():
            await store_rows(db, generation, [fold])


def at(offset_ms: int) -> int:
    return RANG_MS + offset_ms


def time_at(offset_ms: int) -> datetime:
    return datetime.fromtimestamp(at(offset_ms) / 1000, UTC)


def rang(at_ms: int = RANG_MS) -> line.LineRang:
    return line.LineRang(
        at_ms=at_ms,
        carrier="loopback",
        carrier_call="CA1",
        caller="+15550100",
        called="+15550199",
        agent=AGENT,
    )


def sentence(reply: int, number: int, text: str, at_ms: int = RANG_MS) -> dialog.SentenceWritten:
    return dialog.SentenceWritten(
        at_ms=at_ms, reply=reply, sentence=number, text=text, voice=dialog.Voice()
    )


def synthesized(reply: int, number: int, first_audio_ms: float) -> synthesis.SentenceSynthesized:
    return synthesis.SentenceSynthesized(
        at_ms=RANG_MS,
        reply=reply,
        sentence=number,
        audio_ms=900,
        first_audio_ms=first_audio_ms,
        took_ms=first_audio_ms + 5,
        characters=20,
        provider="espeak",
    )


def passage(chunk: int, score: float) -> passages.Passage:
    return passages.Passage(
        document=DocumentId("prices"), chunk=chunk, title="Prices", text="A check-up.", score=score
    )


def question_answered(call: CallId | None = None) -> Story:
    """Ring, greeting, a question answered from the knowledge, hang-up. Seventeen messages."""
    return (
        Story(call)
        .stored(1, rang())
        .stored(21, line.LineAnswered(at_ms=at(20), stream="MZ1"))
        .stored(
            30,
            dialog.CallOpened(at_ms=at(29), agent=AGENT, language="en-US"),
            dialog.PhaseEntered(at_ms=at(29), phase="start"),
            dialog.ReplyBegun(at_ms=at(29), reply=1, turn=0, kind="greeting"),
            sentence(1, 1, "Hello.", at(29)),
            sentence(1, 2, "How can I help?", at(29)),
            dialog.ReplyFinished(at_ms=at(29), reply=1, sentences=2),
        )
        .stored(60, line.PlaybackStarted(at_ms=at(58), reply=1))
        .stored(70, synthesized(1, 1, 12.5))
        .stored(80, synthesized(1, 2, 11.0))
        .stored(2_000, line.PlaybackFinished(at_ms=at(1_999), reply=1))
        .stored(2_001, dialog.ReplyHeard(at_ms=at(2_000), reply=1))
        .stored(
            5_000,
            line.SpeechEnded(at_ms=at(4_900), utterance=1, last_frame=200, ended_ms=at(4_700)),
        )
        .stored(
            5_200,
            transcript.TranscriptFinalized(
                at_ms=at(5_190),
                utterance=1,
                text="what is a check-up",
                confidence=0.9,
                speech_ended_ms=at(4_700),
            ),
        )
        .stored(
            5_204,
            dialog.TurnTaken(
                at_ms=at(5_203),
                turn=1,
                utterance=1,
                text="what is a check-up",
                intent="price",
                kind="question",
                slots={"treatment": "check-up"},
                confidence=0.9,
                speech_ended_ms=at(4_700),
            ),
            dialog.PhaseEntered(at_ms=at(5_203), phase="active"),
            dialog.PassagesWanted(
                at_ms=at(5_203), turn=1, question="what is a check-up", agent=AGENT
            ),
        )
        .stored(
            5_212,
            passages.PassagesFound(
                at_ms=at(5_211), turn=1, passages=(passage(4, 7.5), passage(1, 2.5)), took_ms=3.0
            ),
        )
        .stored(
            5_232,
            dialog.PassagesTaken(at_ms=at(5_230), turn=1, sources=("prices#4", "prices#1")),
            dialog.ReplyBegun(at_ms=at(5_230), reply=2, turn=1, kind="answer"),
            sentence(2, 1, "A check-up is 40 pounds.", at(5_231)),
        )
        .stored(5_270, line.PlaybackStarted(at_ms=at(5_268), reply=2))
        .stored(5_280, synthesized(2, 1, 20.0))
        .stored(
            6_000,
            dialog.ReplyInterrupted(at_ms=at(5_999), reply=2, heard="A check-up is", sentence=1),
        )
        .stored(
            9_020,
            line.LineEnded(at_ms=at(9_020), reason="caller_hung_up", frames=450, late_frames=2),
        )
        .stored(
            9_030,
            dialog.CallEnded(at_ms=at(9_025), reason="caller_hung_up", phase="active", turns=1),
        )
    )
