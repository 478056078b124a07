"""The payload of the audio plane: a small fixed header, then mu-law bytes.

    caller   kind 0x01, frame u32, at_ms u64,
             then 160 to 8000 bytes of mu-law, a multiple of 160                   173 bytes and up
    agent    kind 0x02, epoch u32, reply u32, sentence u32, start u32, flags u8,
             at_ms u64, then 160 to 8000 bytes of mu-law, a multiple of 160        186 bytes and up

A caller's payload names its first frame. The gateway puts two into each: what a message costs
hardly depends on its size (infra/decisions/0021).

`start` is the piece's place: how many bytes of the sentence, one each sample, come before it. How a
sentence is cut depends on the moment, so a number of the piece would mean nothing to a worker that
speaks the sentence again after another died.

Numbers are big-endian. Fifty caller frames a second pass for every call, so a payload is packed and
read by one struct each way and carries no NATS headers.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from services.audio.mulaw import SILENCE

SAMPLE_RATE_HZ: Final = 8000
FRAME_MS: Final = 20
FRAME_BYTES: Final = SAMPLE_RATE_HZ * FRAME_MS // 1000
SILENT_FRAME: Final = bytes([SILENCE]) * FRAME_BYTES
CHUNK_BYTES: Final = 10 * FRAME_BYTES  # 200 ms: what an agent chunk should hold
CHUNK_BYTES_LIMIT: Final = 50 * FRAME_BYTES  # 1 s: more is no chunk but a mistake

_CALLER: Final = struct.Struct("!BIQ")
_AGENT: Final = struct.Struct("!BIIIIBQ")
_CALLER_KIND: Final = 0x01
_AGENT_KIND: Final = 0x02
_LAST: Final = 0x01


class CallerSound(msgspec.Struct, frozen=True, gc=False):
    """What the caller says: some frames of 20 ms, side by side."""

    number: int  # of the first; starts at 1, one more for each frame of the call
    at_ms: int  # when the gateway got the last, UNIX milliseconds
    mulaw: bytes  # a multiple of FRAME_BYTES

    @property
    def last(self) -> int:
        """The number of the last frame."""
        return self.number + len(self.mulaw) // FRAME_BYTES - 1

    def frames(self) -> "Iterator[CallerSound]":
        """Each frame by itself."""
        for number, mulaw in enumerate(split(self.mulaw), self.number):
            yield CallerSound(number, self.at_ms, mulaw)


class AgentChunk(msgspec.Struct, frozen=True, gc=False):
    """A piece of a synthesised sentence, to be played behind all that comes before it."""

    epoch: int  # of the call's owner that wrote the sentence; the gateway refuses lower ones
    reply: int
    sentence: int  # within the reply
    start_bytes: int  # of the sentence's sound come before this piece
    last: bool  # nothing of this sentence follows
    at_ms: int  # when it was synthesised, UNIX milliseconds
    mulaw: bytes  # a multiple of FRAME_BYTES


def pack_caller(number: int, at_ms: int, mulaw: bytes) -> bytes:
    """The payload of caller frames from `number` on. ValueError when they are not whole."""
    if not _whole_frames(len(mulaw)):
        raise ValueError(f"{len(mulaw)} bytes are not whole caller frames")
    return _CALLER.pack(_CALLER_KIND, number, at_ms) + mulaw


def join_caller(payloads: Sequence[bytes]) -> bytes:
    """One payload for frames that follow each other. ValueError when they are too many."""
    (_, number, _), (_, _, at_ms) = (_CALLER.unpack_from(payloads[at]) for at in (0, -1))
    return pack_caller(number, at_ms, b"".join(each[_CALLER.size :] for each in payloads))


def unpack_caller(payload: bytes) -> CallerSound:
    """The caller frames in `payload`. ValueError when it holds none."""
    if not _whole_frames(len(payload) - _CALLER.size):
        raise ValueError(f"{len(payload)} bytes are not a header and whole frames")
    kind, number, at_ms = _CALLER.unpack_from(payload)
    if kind != _CALLER_KIND:
        raise ValueError(f"kind {kind} is not a caller frame")
    return CallerSound(number, at_ms, payload[_CALLER.size :])


def pack_agent(chunk: AgentChunk) -> bytes:
    """The payload of `chunk`, its sound filled up with silence to a whole frame."""
    sound = pad(chunk.mulaw)
    if not 0 < len(sound) <= CHUNK_BYTES_LIMIT:
        raise ValueError(f"an agent chunk holds 1 to {CHUNK_BYTES_LIMIT} bytes, not {len(sound)}")
    header = _AGENT.pack(
        _AGENT_KIND,
        chunk.epoch,
        chunk.reply,
        chunk.sentence,
        chunk.start_bytes,
        _LAST if chunk.last else 0,
        chunk.at_ms,
    )
    return header + sound


def unpack_agent(payload: bytes) -> AgentChunk:
    """The agent chunk in `payload`. ValueError when it holds none."""
    if not _whole_frames(len(payload) - _AGENT.size):
        raise ValueError(f"{len(payload)} bytes are not a header and whole frames")
    kind, epoch, reply, sentence, start_bytes, flags, at_ms = _AGENT.unpack_from(payload)
    if kind != _AGENT_KIND:
        raise ValueError(f"kind {kind} is not an agent chunk")
    if flags & ~_LAST:
        raise ValueError(f"flags {flags:#04x} are not known")
    sound, last = payload[_AGENT.size :], flags == _LAST
    return AgentChunk(epoch, reply, sentence, start_bytes, last, at_ms, sound)


def _whole_frames(sound_bytes: int) -> bool:
    return 0 < sound_bytes <= CHUNK_BYTES_LIMIT and not sound_bytes % FRAME_BYTES


def pad(mulaw: bytes) -> bytes:
    """`mulaw` filled up with silence to whole frames."""
    missing = -len(mulaw) % FRAME_BYTES
    return mulaw + SILENT_FRAME[:missing] if missing else mulaw


def split(mulaw: bytes, piece_bytes: int = FRAME_BYTES) -> Iterator[bytes]:
    """`mulaw` in pieces of `piece_bytes`, the last filled up with silence to a whole frame."""
    sound = pad(mulaw)
    return (sound[at : at + piece_bytes] for at in range(0, len(sound), piece_bytes))


def duration_ms(mulaw: bytes) -> int:
    """How long `mulaw` lasts, in whole milliseconds."""
    return len(mulaw) * 1000 // SAMPLE_RATE_HZ
