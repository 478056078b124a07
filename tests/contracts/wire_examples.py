"""One realistic example of everything that goes over the wire, as the golden files hold it."""

from typing import Final

import msgspec

from contracts import dialog, line, outcome, passages, synthesis, transcript
from contracts.agent import Agent, AgentPublished, Fallback, Intent, Phrases, Provider, Tool
from contracts.claim import Claim
from contracts.event import AgentRef, OwnerClaimed
from contracts.ids import AgentId, CallId, DocumentId, TenantId
from contracts.key import KeyErased, KeyMade
from contracts.knowledge import DocumentAdded, DocumentWithdrawn
from contracts.phrase import PhraseWanted
from contracts.recorded import Decision, FactCause, FactSeen, Message

CALL: Final = CallId("019ae6a1-7c00-7b3e-9d5f-2a61c0ffee42")
AT_MS: Final = 1_780_000_004_210
RECEPTION: Final = AgentRef(agent=AgentId("dental-reception"), revision=3)
BOOKING: Final = {"day": "Tuesday", "time": "10:30", "name": "Zoë Brandt"}

_LINE: Final = (
    line.LineRang(
        at_ms=AT_MS,
        carrier="twilio",
        carrier_call="CA5ef8732a3c49700934481addd5ce1659",
        caller="+4930901820",
        called="+493012345678",
        agent=RECEPTION,
        variables={"first_name": "Zoë"},
    ),
    line.LineAnswered(at_ms=AT_MS, stream="MZ18ad3ab5a668481ce02b83e7395059f0"),
    line.DigitPressed(at_ms=AT_MS, digit="#"),
    line.SpeechStarted(at_ms=AT_MS, utterance=2, first_frame=412, over_reply=1),
    line.SpeechEnded(at_ms=AT_MS, utterance=2, last_frame=480, ended_ms=AT_MS - 200),
    line.PlaybackStarted(at_ms=AT_MS, reply=2),
    line.SentencePlayed(at_ms=AT_MS, reply=2, sentence=1),
    line.PlaybackFinished(at_ms=AT_MS, reply=2),
    line.PlaybackCleared(
        at_ms=AT_MS, reply=2, sentence=2, played_ms=740, sentence_ms=2_160, whole=False, words=1
    ),
    line.LineLost(at_ms=AT_MS, reason="no media"),
    line.LineResumed(at_ms=AT_MS, stream="MZ99ad3ab5a668481ce02b83e7395059f1"),
    line.CarrierReported(at_ms=AT_MS, status="completed", sequence=4, duration_s=61),
    line.LineEnded(
        at_ms=AT_MS, reason="caller_hung_up", frames=3_050, late_frames=2, dropped_messages=1
    ),
)
_TRANSCRIPT: Final = (
    transcript.TranscriptDrafted(at_ms=AT_MS, utterance=2, text="what does a"),
    transcript.TranscriptFinalized(
        at_ms=AT_MS,
        utterance=2,
        text="what does a check-up cost",
        confidence=0.94,
        speech_ended_ms=AT_MS - 190,
        provider="deepgram",
        language="en-US",
    ),
    transcript.UtteranceMisheard(
        at_ms=AT_MS, utterance=3, reason="unsure", speech_ended_ms=AT_MS, provider="pocketsphinx"
    ),
    transcript.RecogniserSwitched(
        at_ms=AT_MS,
        utterance=3,
        from_provider="deepgram",
        to_provider="pocketsphinx",
        kind="timeout",
        stage="first",
        wait_ms=3_000.75,
    ),
)
_DIALOG: Final = (
    OwnerClaimed(at_ms=AT_MS, role="dialog", host="dialog-4711-9f2c01aa", epoch=2),
    dialog.CallOpened(
        at_ms=AT_MS, agent=RECEPTION, language="en-US", variables={"first_name": "Zoë"}
    ),
    dialog.PhaseEntered(at_ms=AT_MS, phase="active"),
    dialog.TurnTaken(
        at_ms=AT_MS,
        turn=2,
        utterance=2,
        text="i'd like to come on tuesday",
        intent="book",
        kind="action",
        slots={"day": "tuesday"},
        confidence=0.94,
        speech_ended_ms=AT_MS - 190,
    ),
    dialog.TurnMisheard(at_ms=AT_MS, turn=3, utterance=3, failures=1, speech_ended_ms=AT_MS - 150),
    dialog.PassagesWanted(
        at_ms=AT_MS, turn=2, question="what does a check-up cost", agent=RECEPTION, limit=3
    ),
    dialog.PassagesTaken(at_ms=AT_MS, turn=2, sources=("prices#0", "insurance#2"), late=True),
    dialog.ReplyBegun(at_ms=AT_MS, reply=2, turn=2, kind="answer"),
    dialog.SentenceWritten(
        at_ms=AT_MS,
        reply=2,
        sentence=1,
        text="A check-up costs 45 €.",
        voice=dialog.Voice(provider="elevenlabs", name="Rachel", model="eleven_flash_v2_5"),
        fixed=True,
    ),
    dialog.ReplyFinished(at_ms=AT_MS, reply=2, sentences=2, tokens_in=612, tokens_out=38),
    dialog.DraftDiscarded(
        at_ms=AT_MS,
        utterance=2,
        reason="resumed",
        tokens_in=153,
        tokens_out=12,
        estimated=True,
    ),
    dialog.ReplyHeard(at_ms=AT_MS, reply=2),
    dialog.ReplyInterrupted(at_ms=AT_MS, reply=2, heard="A check-up", sentence=1, played_ms=740),
    dialog.CallerLost(at_ms=AT_MS, reply=2, sentences=1, planned=True),
    dialog.CallerReturned(at_ms=AT_MS, stint=3, reply=2),
    dialog.ToolProposed(at_ms=AT_MS, invocation="t2-1", tool="book", arguments=BOOKING),
    dialog.ToolDeclined(at_ms=AT_MS, invocation="t2-1", tool="book"),
    dialog.ToolRefused(at_ms=AT_MS, tool="book", reason="$.day: a required property"),
    dialog.ToolCalled(at_ms=AT_MS, invocation="t2-1", turn=2, tool="book", arguments=BOOKING),
    dialog.ToolReturned(
        at_ms=AT_MS,
        invocation="t2-1",
        tool="book",
        ok=True,
        result={"slot": {"id": 17, "free": False}},
        took_ms=41.5,
    ),
    dialog.ModelSwitched(
        at_ms=AT_MS,
        reply=2,
        from_provider="groq",
        to_provider="rules",
        kind="unavailable",
        stage="first",
        wait_ms=81.5,
    ),
    dialog.TransferRequested(at_ms=AT_MS, to="+493012340000", reason="misheard"),
    dialog.HangUpRequested(at_ms=AT_MS, reason="goodbye"),
    dialog.CallEnded(at_ms=AT_MS, reason="caller_hung_up", phase="completion", turns=6),
)
_WORKERS: Final = (
    passages.PassagesFound(
        at_ms=AT_MS,
        turn=2,
        passages=(
            passages.Passage(
                document=DocumentId("prices"),
                chunk=0,
                title="Prices > Check-up",
                text="A check-up costs 45 €.",
                score=11.25,
            ),
        ),
        took_ms=3.5,
    ),
    passages.PassagesFailed(at_ms=AT_MS, turn=2, kind="ConnectError"),
    synthesis.SentenceSynthesized(
        at_ms=AT_MS,
        reply=2,
        sentence=1,
        audio_ms=2_160,
        first_audio_ms=81.5,
        took_ms=412.25,
        characters=22,
        provider="elevenlabs",
        cached=True,
        word_ends_ms=(310, 890, 1_240, 1_670, 2_150),
    ),
    synthesis.SynthesisDropped(at_ms=AT_MS, reply=2, sentence=2, audio_ms=740),
    synthesis.SynthesisFailed(
        at_ms=AT_MS, reply=2, sentence=1, kind="quota_exceeded", provider="elevenlabs"
    ),
    synthesis.VoiceSwitched(
        at_ms=AT_MS,
        reply=2,
        sentence=1,
        from_provider="elevenlabs",
        to_provider="espeak",
        kind="disconnected",
        stage="amid",
        wait_ms=12.25,
        audio_ms=740,
    ),
    outcome.OutcomeRecorded(
        at_ms=AT_MS, outcome="success", summary="Booked a check-up on Tuesday at 10:30."
    ),
    outcome.CallErased(at_ms=AT_MS, by="b.brandt", reason="asked for by letter of 2 March"),
)
_INNER: Final = (
    dialog.ModelWrote(at_ms=AT_MS, reply=2, text="A check-up costs 45 €."),
    dialog.ModelCalledTool(at_ms=AT_MS, reply=2, tool="book", arguments=BOOKING),
    dialog.ModelFinished(at_ms=AT_MS, reply=2, tokens_in=612, tokens_out=38),
    dialog.ModelFailed(at_ms=AT_MS, reply=2, kind="RateLimitError"),
    dialog.ModelGaveWay(
        at_ms=AT_MS,
        reply=2,
        from_provider="groq",
        to_provider="rules",
        kind="unavailable",
        stage="first",
        wait_ms=81.5,
    ),
    dialog.ToolReported(
        at_ms=AT_MS, invocation="t2-1", ok=True, result={"slot": {"id": 17}}, took_ms=41.5
    ),
    dialog.WaitEnded(at_ms=AT_MS, turn=2, awaited="passages"),
    dialog.DraftDropped(
        at_ms=AT_MS,
        utterance=2,
        reason="resumed",
        tokens_in=153,
        tokens_out=12,
        estimated=True,
    ),
)
_PLAIN: Final = (
    AgentPublished(
        at_ms=AT_MS,
        revision=3,
        agent=Agent(
            name="dental-reception",
            title="Reception of Dr Brandt",
            languages=("en-US", "de-DE"),
            variables={"first_name": ""},
            phrases=Phrases(greeting="Good morning, {first_name}."),
            intents=(Intent(name="book", kind="action", phrases=("{day} please",), tool="book"),),
            slots={"day": ("monday", "tuesday")},
            digits={"0": "a person please"},
            tools=(
                Tool(
                    name="book",
                    description="Books an appointment.",
                    parameters={"type": "object", "required": ["day"]},
                ),
            ),
            voices={"de": dialog.Voice(provider="piper", name="de_DE-thorsten-medium")},
            llm=Provider(
                provider="groq",
                model="llama-3.3-70b-versatile",
                options={"seed": 7},
                fallbacks=(Fallback(provider="rules"),),
            ),
            knowledge="knowledge",
        ),
    ),
    DocumentAdded(
        at_ms=AT_MS,
        document=DocumentId("prices"),
        title="Prices",
        media_type="text/markdown",
        text="# Prices\n\nA check-up costs 45 €.\n",
        sha256="3f2a" * 16,
    ),
    DocumentWithdrawn(at_ms=AT_MS, document=DocumentId("prices")),
    Claim(tenant=TenantId("brandt"), call=CALL, role="dialog", agent=RECEPTION, rang_ms=AT_MS),
    KeyMade(at_ms=AT_MS, wrapped="c2VhbGVk" * 8, master="0123456789abcdef"),
    KeyErased(at_ms=AT_MS),
)
MESSAGE: Final = Message(
    by="dialog-4711-9f2c01aa",
    epoch=2,
    events=(_DIALOG[7], _DIALOG[8]),
    decision=Decision(
        n=9,
        basis=4_812,
        cause=FactCause(sequence=4_812),
        prev="ab" * 32,
        state="cd" * 32,
        facts=(FactSeen(4_807, "0123456789abcdef"), FactSeen(4_812, "fedcba9876543210")),
    ),
)

CALL_EVENTS: Final = (*_LINE, *_TRANSCRIPT, *_DIALOG, *_WORKERS)
INNER_FACTS: Final = _INNER
PLAIN: Final = (
    *_PLAIN,
    PhraseWanted(
        text="Einen Moment, bitte.",
        voice=dialog.Voice(provider="elevenlabs", name="Anna", language="de-DE"),
    ),
)
EVERYTHING: Final = (*CALL_EVENTS, *INNER_FACTS, *PLAIN, MESSAGE)


def golden_name(kind: type[msgspec.Struct]) -> str:
    """The golden file of an event's version, or of an untagged struct by its own name."""
    tag = str(kind.__struct_config__.tag or kind.__name__.lower())
    return tag.replace("/", "-") + ".json"
