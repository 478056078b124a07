"""Every kind of subject as one channel: what travels on it, who sends and who receives.

The topology itself is in `contracts.streams`, the users of what belongs to no call's log in the
docstrings of the modules; here both are brought together for the catalogue and for AsyncAPI.
"""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, get_args

import msgspec

from contracts import described, streams
from contracts.agent import AgentPublished
from contracts.claim import Claim, Role
from contracts.dialog import PassagesWanted
from contracts.event import OwnerClaimed
from contracts.key import KeyEvent
from contracts.knowledge import KnowledgeEvent
from contracts.phrase import PhraseWanted
from contracts.recorded import (
    DialogEvent,
    LineEvent,
    OutcomeEvent,
    PassagesEvent,
    Retired,
    SynthesisEvent,
    TranscriptEvent,
)
from contracts.transcript import TranscriptDrafted

Structs = tuple[type[msgspec.Struct], ...]


class Channel(NamedTuple):
    """One kind of subject. `<name>` in the subject stands for an id or one of a few words."""

    name: str
    subject: str
    stream: str  # empty: stored nowhere
    meaning: str
    senders: tuple[str, ...]
    receivers: tuple[str, ...]
    carries: Structs  # what a payload is, or what the events of a message are
    payload: Literal["message", "event", "bytes"]


def members(union: object) -> Structs:
    """The structs of a union, or the one it has shrunk to; in the order of the source."""
    order = [kind for module in described.MODULES for kind in described.structs(module)]
    return tuple(sorted(get_args(union) or (union,), key=order.index))


EVENTS: Final[dict[streams.Family, Structs]] = {
    "line": members(LineEvent),
    # Both roles that host calls claim them in their own family.
    "transcript": (OwnerClaimed, *members(TranscriptEvent)),
    "dialog": members(DialogEvent),
    "passages": members(PassagesEvent),
    "synthesis": members(SynthesisEvent),
    "outcome": members(OutcomeEvent),
}
RETIRED: Final = members(Retired)


def channels() -> tuple[Channel, ...]:
    """All of them, the families of a call first."""
    others = (*_audio(), _phrase(), _host(), _load())
    return (*_families(), *_live(), _canary(), *_beside_the_log(), *others)


def present(retired: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """What a retired version is lifted to: the event whose tag differs by the version alone."""
    stem = tag(retired).partition("/")[0]
    return next(
        event
        for events in EVENTS.values()
        for event in events
        if tag(event).partition("/")[0] == stem
    )


def tag(struct_type: type[msgspec.Struct]) -> str:
    """What stands in `type` on the wire; empty for a struct that is no event."""
    return str(struct_type.__struct_config__.tag or "")


def _families() -> Iterator[Channel]:
    for family in streams.FAMILIES:
        yield Channel(
            name=family,
            subject=f"call.<tenant>.<call>.{family}",
            stream=streams.CALLS.name,
            meaning=described.head(family).meaning,
            senders=(streams.WRITERS[family],),
            receivers=streams.READERS[family],
            carries=EVENTS[family],
            payload="message",
        )


def _live() -> Iterator[Channel]:
    everything = tuple(dict.fromkeys(event for events in EVENTS.values() for event in events))
    yield Channel(
        name="live",
        subject="live.call.<tenant>.<call>.<family>",
        stream="",
        meaning="What was just stored of a call, republished by the server with its sequence.",
        senders=(),
        receivers=(),
        carries=everything,
        payload="message",
    )
    yield Channel(
        name=streams.DRAFT,
        subject=f"live.call.<tenant>.<call>.{streams.DRAFT}",
        stream="",
        meaning="What the recogniser believes so far. Never stored.",
        senders=(streams.WRITERS["transcript"],),
        receivers=("dialog",),
        carries=(TranscriptDrafted,),
        payload="message",
    )
    yield Channel(
        name="question",
        subject="ask.<tenant>.<call>.passages",
        stream="",
        meaning="A request for passages before a turn is over, and its reply. Never stored.",
        senders=("dialog", "rag"),
        receivers=("rag", "dialog"),
        carries=(PassagesWanted, *members(PassagesEvent)),
        payload="message",
    )


def _canary() -> Channel:
    return Channel(
        name="canary",
        subject=streams.CANARY,
        stream=streams.CALLS.name,
        meaning="Empty, stored where nothing else is: proof of the way from log to tables.",
        senders=("projections",),
        receivers=("projections",),
        carries=(),
        payload="bytes",
    )


def _beside_the_log() -> Iterator[Channel]:
    carried: dict[str, Structs] = {
        "claim": (Claim,),
        "key": members(KeyEvent),
        "agent": (AgentPublished,),
        "knowledge": members(KnowledgeEvent),
    }
    for name, structs in carried.items():
        head = described.head(name)
        yield Channel(
            name=name,
            subject=head.subject,
            stream=head.stream,
            meaning=head.meaning,
            senders=head.written,
            receivers=head.read,
            carries=structs,
            payload="event",
        )


def _audio() -> Iterator[Channel]:
    sides = {"caller": ("gateway", "stt"), "agent": ("tts", "gateway")}
    for side, (sender, receiver) in sides.items():
        yield Channel(
            name=f"audio_{side}",
            subject=f"audio.<tenant>.<call>.{side}",
            stream=streams.AUDIO.name,
            meaning=f"The {side}'s voice: a fixed header, then mu-law at 8 kHz.",
            senders=(sender,),
            receivers=(receiver,),
            carries=(),
            payload="bytes",
        )


def _phrase() -> Channel:
    return Channel(
        name="phrase",
        subject="say.<tenant>",
        stream="",
        meaning="A request for a phrase; the reply is its sound, mu-law at 8 kHz, or nothing.",
        senders=("gateway",),
        receivers=("tts",),
        carries=(PhraseWanted,),
        payload="event",
    )


def _host() -> Channel:
    return Channel(
        name="host",
        subject="host.<host>",
        stream="",
        meaning="A request with a call's id as its payload; a host that holds the call answers.",
        senders=get_args(Role),
        receivers=get_args(Role),
        carries=(),
        payload="bytes",
    )


def _load() -> Channel:
    return Channel(
        name="load",
        subject="load.<role>.<host>",
        stream="",
        meaning="How late a process's loop is, in milliseconds, as digits; said once a second.",
        senders=("stt", "dialog", "rag", "tts"),
        receivers=("gateway",),
        carries=(),
        payload="bytes",
    )
