"""Sound that streams in at any rate becomes the telephone's mu-law, piece by piece."""

import struct
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final, Protocol

from services.audio import mulaw
from services.audio.errors import AudioError
from services.audio.resample import LiveResampler
from services.audio.wav import Format, mono, read_format

_HEADER_LIMIT_BYTES: Final = 65_536
_ENDLESS_BYTES: Final = 0x7F00_0000  # who streams writes 0 or such a size: the true one is unknown
_CHUNK: Final = struct.Struct("<4sI")


class SoundStream(Protocol):
    """One stream; an object for each."""

    def feed(self, piece: bytes, *, last: bool = False) -> bytes:
        """Mu-law at 8 kHz of the next piece, cut anywhere. Raises AudioError.

        `last` brings out what is still inside: with the last piece, or with none after it.
        """
        ...


class PcmStream:
    """16-bit little-endian mono PCM at `rate_hz`. Raises AudioError on a rate sound never has."""

    def __init__(self, rate_hz: int) -> None:
        self._resampler = LiveResampler(rate_hz)

    def feed(self, piece: bytes, *, last: bool = False) -> bytes:
        """See SoundStream.feed."""
        return mulaw.encode(self._resampler.feed(piece, last=last))


class WavStream:
    """A WAV file of any format that `wav` reads; its header says which, and may come in pieces.

    Ends where the header says, if it does; a file that ends before is an AudioError at `last`.
    """

    def __init__(self) -> None:
        self._header = bytearray()
        self._sound: _Sound | None = None  # once the header is complete

    def feed(self, piece: bytes, *, last: bool = False) -> bytes:
        """See SoundStream.feed."""
        if self._sound is None:
            self._header += piece
            self._sound, piece = _begun(self._header)
        if self._sound is not None:
            return self._sound.feed(piece, last=last)
        if last or len(self._header) > _HEADER_LIMIT_BYTES:
            raise AudioError("a WAV file without sound")
        return b""


class _Sound:
    """The `data` chunk of a file."""

    def __init__(self, format: Format, size_bytes: int) -> None:
        self._format = format
        self._pcm = PcmStream(format.rate_hz)
        self._left = size_bytes if 0 < size_bytes < _ENDLESS_BYTES else None
        self._part = b""  # of a sample that was cut in two

    def feed(self, piece: bytes, *, last: bool) -> bytes:
        if self._left is not None:
            piece = piece[: self._left]
            self._left -= len(piece)
            if last and self._left:
                raise AudioError("a WAV file cut short")
        data = self._part + piece
        whole_bytes = len(data) - len(data) % self._format.block_bytes
        self._part = data[whole_bytes:]
        return self._pcm.feed(mono(self._format, data[:whole_bytes]), last=last)


def _begun(header: bytearray) -> tuple[_Sound | None, bytes]:
    """The sound and its first bytes, as soon as the header is all there."""
    if not (b"RIFF".startswith(header[:4]) and b"WAVE".startswith(header[8:12])):
        raise AudioError("not a WAV file")
    format, at = None, 12
    while at + _CHUNK.size <= len(header):
        name, size_bytes = _CHUNK.unpack_from(header, at)
        at += _CHUNK.size
        if name == b"data" and format is None:
            raise AudioError("a WAV file without a format")
        if name == b"data" and format is not None:
            return _Sound(format, size_bytes), bytes(header[at:])
        if name == b"fmt " and at + size_bytes <= len(header):
            format = read_format(bytes(header[at : at + size_bytes]))
        at += size_bytes + size_bytes % 2
    return None, b""


async def telephone(pieces: AsyncIterator[bytes], sound: SoundStream) -> AsyncGenerator[bytes]:
    """Mu-law of what comes. Raises AudioError, also when nothing comes."""
    heard = False
    async for piece in pieces:
        if ready := sound.feed(piece):
            heard = True
            yield ready
    if ready := sound.feed(b"", last=True):
        heard = True
        yield ready
    if not heard:
        raise AudioError("no sound came")
