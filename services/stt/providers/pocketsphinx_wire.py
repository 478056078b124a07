"""What PocketSphinx's worker and its parent say to each other."""

from collections.abc import Iterator
from typing import BinaryIO, Final, TypeAlias

import msgspec

from services.stt.providers.grammar import Grammar
from services.stt.providers.pipes import bodies


class Load(msgspec.Struct, tag="load"):
    """Get ready for a grammar. None: for anything that can be said."""

    grammar: int  # the parent's number of it
    said: Grammar | None


class Hear(msgspec.Struct, tag="hear"):
    """The next sound of an ear's turn."""

    ear: int
    grammar: int
    mulaw: bytes


class End(msgspec.Struct, tag="end"):
    """The turn is over."""

    ear: int


class Leave(msgspec.Struct, tag="leave"):
    """The ear is closed."""

    ear: int


Asked: TypeAlias = Load | Hear | End | Leave


class Loaded(msgspec.Struct, tag="loaded"):
    """Ready for a grammar."""

    grammar: int
    phrases: int  # of those given, how many are usable
    unknown: tuple[str, ...] = ()  # words of the grammar that the dictionary lacks


class Refused(msgspec.Struct, tag="refused"):
    """A grammar can't be used."""

    grammar: int
    kind: str


class Understood(msgspec.Struct, tag="understood"):
    """The words of an ear's turn."""

    ear: int
    text: str
    confidence: float  # 0..1


Answered: TypeAlias = Loaded | Refused | Understood

_asked: Final = msgspec.msgpack.Decoder(Asked)
_answered: Final = msgspec.msgpack.Decoder(Answered)


def unpack_answer(body: bytes) -> Answered:
    """What the worker said."""
    answer: Answered = _answered.decode(body)
    return answer


def asked(stream: BinaryIO) -> Iterator[Asked]:
    """What the parent says, until it closes the pipe or is gone."""
    return map(_asked.decode, bodies(stream))
