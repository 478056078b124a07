"""The catalogue as a page for people: contracts/README.md."""

from collections.abc import Iterator
from textwrap import dedent
from typing import Final

import msgspec

from contracts import described
from contracts.agent import AgentPublished
from contracts.channels import EVENTS, RETIRED, Channel, Structs, channels, members, present, tag
from contracts.dialog import FallbackVoice, InnerFact, Voice
from contracts.event import AgentRef, OwnerClaimed
from contracts.markdown import struct, table
from contracts.passages import Passage
from contracts.recorded import Decision, FactCause, FactSeen, Message
from contracts.streams import CALLS, DRAFT, STREAMS, Stream
from contracts.transcript import TranscriptFinalized

_INTRODUCTION: Final = """\
    # What is said on the line

    Everything Partyline does is a message on NATS. This page says which messages there are, where
    they travel and what stands in them, for people who write a consumer in any language.
    `asyncapi.json` beside it says the same to programs. Both are made from the sources in this
    folder by `./just catalogue`.

    To follow calls live, subscribe to `live.call.<tenant>.>`; to read them from their beginning,
    consume the stream `CALLS`, filtered by `call.<tenant>.>`. Both carry the same bytes."""

_READING: Final = """\
    ## Reading a message

    A payload of the log is JSON in UTF-8: an envelope around one fact, or around one decision with
    all its events. What belongs together is stored together or not at all.

    - **Order** is the stream sequence, then the place in `events`. Live messages carry theirs in
      the header `Nats-Sequence`, and the one before on the same subject in `Nats-Last-Sequence`: a
      gap is read from the stream.
    - **`type`** names the event and its version. A version once written stays readable for ever;
      [older ones](#retired-versions) are lifted to the present one.
    - **Absent fields** have the value in the column "if absent"; where it says *required*, they
      never are; where it says *unset*, the meaning tells what holds. New fields come with such a
      value, so ignore fields you don't know.
    - **Units** stand in the names. Where `_ms` is a point in time its meaning says UNIX time; else
      it is a length.
    - **An event you don't know**: set the message aside and go on; never stop for it.
    - **Personal** marks what a caller said or who the caller is. Keep it out of logs, traces and
      error texts. In a message with `"sealed":"siv"` these fields are sealed: `infra/sealing.py`
      says how, and [Keys](#keys) with what. Without the key they are as good as erased.
    - **Ids** that stand in subjects are 1 to 64 characters of `A-Z a-z 0-9 _ -`.
    - **Twice**: delivery may repeat a message, its sequence tells.

    One fact, as it is stored:"""

_AUDIO: Final = "Audio is not JSON: `services/audio/frames.py` opens with the layout of its header."
_OWNERS: Final = "## In `transcript` and `dialog`, which have an owner"
_WHY: Final = """\
## Why the actor decided

The `cause` of a decision is a fact of the log, or one of these, which stand nowhere else."""


def page() -> str:
    """The whole page. Raises Undocumented when the source leaves something unexplained."""
    by_name = {channel.name: channel for channel in channels()}
    parts = (
        [dedent(_INTRODUCTION), _streams(), _channels(), _AUDIO],
        [
            dedent(_READING),
            _example(),
            _section("## The envelope", (Message, Decision, FactCause, FactSeen)),
        ],
        [_OWNERS, _section("", (OwnerClaimed,))],
        *(_events(f"## Events: {family}", by_name[family]) for family in EVENTS),
        _events("## Drafts", by_name[DRAFT]),
        [_WHY, _section("", members(InnerFact))],
        [_section("## Parts of events", (AgentRef, Voice, FallbackVoice, Passage))],
        _events("## Agents", by_name["agent"]),
        [_section("", _settings())],
        _events("## Knowledge", by_name["knowledge"]),
        _events("## Claims", by_name["claim"]),
        _events("## Keys", by_name["key"]),
        _events("## Phrases as sound", by_name["phrase"]),
        [_retired()],
    )
    return "\n\n".join(text for part in parts for text in part if text) + "\n"


def _streams() -> str:
    rows = [
        (
            f"`{stream.name}`",
            ", ".join(f"`{subject}`" for subject in stream.subjects),
            stream.holds,
            stream.storage,
            _kept(stream),
        )
        for stream in STREAMS
    ]
    return "## Streams\n\n" + table(("stream", "subjects", "holds", "storage", "kept"), rows)


def _kept(stream: Stream) -> str:
    day_s, minute_s = 86_400, 60
    match stream.max_age_s:
        case 0:
            age = "for ever"
        case seconds if seconds % day_s == 0:
            days = seconds // day_s
            age = f"{days} day{'s' if days > 1 else ''}"
        case seconds if seconds % minute_s == 0:
            age = f"{seconds // minute_s} min"
        case seconds:
            age = f"{seconds} s"
    size = f", {stream.max_bytes // 1024**2} MiB at most" if stream.max_bytes > 0 else ""
    taken = "until done, at most " if stream.retention == "workqueue" else ""
    return taken + age + size


def _channels() -> str:
    rows = [
        (
            f"`{channel.subject}`",
            channel.stream and f"`{channel.stream}`",
            ", ".join(channel.senders) or "the server",
            ", ".join(channel.receivers) or "who follows",
            channel.meaning,
        )
        for channel in channels()
    ]
    kept = f"Each family of `{CALLS.name}` is written by one role alone."
    rendered = table(("subject", "stream", "written by", "read by", "what"), rows)
    return f"## Subjects\n\n{kept}\n\n{rendered}"


def _events(title: str, channel: Channel) -> Iterator[str]:
    yield title
    yield channel.meaning
    yield _section("", tuple(kind for kind in channel.carries if kind is not OwnerClaimed))


def _settings() -> Structs:
    """The tables of an agent, the agent itself first."""
    *tables, agent = (kind for kind in described.structs("agent") if kind is not AgentPublished)
    return (agent, *tables)


def _section(title: str, kinds: Structs) -> str:
    return "\n\n".join([*([title] if title else []), *(struct(kind) for kind in kinds)])


def _example() -> str:
    heard = TranscriptFinalized(
        at_ms=1_780_000_004_210,
        utterance=2,
        text="what does a check-up cost",
        confidence=0.94,
        speech_ended_ms=1_780_000_004_020,
        provider="deepgram",
    )
    encoded = msgspec.json.encode(Message(by="stt-4711-9f2c01aa", events=(heard,)))
    return f"```json\n{msgspec.json.format(encoded, indent=2).decode()}\n```"


def _retired() -> str:
    rows = [
        (f"`{tag(kind)}`", f"`{tag(present(kind))}`", described.meaning(kind)) for kind in RETIRED
    ]
    rendered = table(("version", "read as", "why"), rows)
    return f"## Retired versions\n\nNever written any more.\n\n{rendered}"
