"""What Whisper's worker and its parent say to each other."""

from collections.abc import Iterator
from typing import Any, BinaryIO, Final, TypeAlias

import msgspec

from services.stt.providers.pipes import bodies
from services.stt.providers.whisper_doubt import Segment


class Transcribe(msgspec.Struct, tag="transcribe"):
    """Say what is said in this sound."""

    number: int  # the parent's, of this request
    mulaw: bytes
    language: str  # ISO 639-1
    options: dict[str, Any]


class Forget(msgspec.Struct, tag="forget"):
    """Nobody waits for this one any more."""

    number: int


Asked: TypeAlias = Transcribe | Forget


class Ready(msgspec.Struct, tag="ready"):
    """The model is loaded."""

    languages: tuple[str, ...]  # ISO 639-1


class Unusable(msgspec.Struct, tag="unusable"):
    """The model can't be loaded; the worker ends."""

    kind: str


class Understood(msgspec.Struct, tag="understood"):
    """What is said in a sound."""

    number: int
    segments: tuple[Segment, ...]


class Refused(msgspec.Struct, tag="refused"):
    """A request makes no sense to the model."""

    number: int
    kind: str


Answered: TypeAlias = Ready | Unusable | Understood | Refused

_asked: Final = msgspec.msgpack.Decoder(Asked)
_answered: Final = msgspec.msgpack.Decoder(Answered)


def unpack_answer(body: bytes) -> Answered:
    """What the worker said."""
    answer: Answered = _answered.decode(body)
    return answer


def asked(stream: BinaryIO) -> Iterator[Asked]:
    """What the parent says, until it closes the pipe or is gone."""
    return map(_asked.decode, bodies(stream))
