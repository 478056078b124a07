"""How a recogniser's child process and its parent frame messages: MessagePack, length first."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

_LENGTH: Final = struct.Struct("!I")
_encoder: Final = msgspec.msgpack.Encoder()
LENGTH_BYTES: Final = _LENGTH.size


def pack(message: msgspec.Struct) -> bytes:
    """The bytes of a message with its length before it."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def length(head: bytes) -> int:
    """How many bytes follow this head."""
    return int(_LENGTH.unpack(head)[0])


def bodies(stream: BinaryIO) -> Iterator[bytes]:
    """What the other side says, until it closes the pipe or is gone."""
    while len(head := stream.read(LENGTH_BYTES)) == LENGTH_BYTES:
        yield stream.read(length(head))
