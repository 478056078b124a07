"""WAV files to and from the telephone's mu-law.

Read by hand, because the standard library's `wave` refuses mu-law (format 7) and the extensible
header. Layout: Microsoft's Multimedia Programming Interface, "RIFF"; mu-law in RFC 2361.
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from services.audio import mulaw
from services.audio.errors import AudioError
from services.audio.frames import SAMPLE_RATE_HZ
from services.audio.resample import to_8_khz

_Floats = npt.NDArray[np.float32]
_PCM, _FLOAT, _MULAW, _EXTENSIBLE = 1, 3, 7, 0xFFFE
_FORMAT: Final = struct.Struct("<HHIIHH")
_REMEDY: Final = "convert it, for instance with: sox INPUT -r 8000 -c 1 -b 16 OUTPUT.wav"
_CHANNELS_LIMIT: Final = 8


class Format(msgspec.Struct, frozen=True):
    """What a WAV file's samples are."""

    code: int
    channels: int
    rate_hz: int
    bits: int

    @property
    def block_bytes(self) -> int:
        """Of one sample in all channels."""
        return self.channels * self.bits // 8


def read_wav(path: Path) -> bytes:
    """The sound of a WAV file as mu-law, 8 kHz, mono.

    Takes PCM of 8, 16, 24 or 32 bits, 32-bit float and mu-law, any rate, and mixes channels into
    one. A file cut short gives what is there. Raises AudioError, and OSError as opening does.
    """
    try:
        return from_wav(path.read_bytes())
    except AudioError as error:
        raise AudioError(f"{path.name}: {error}") from None


def from_wav(content: bytes) -> bytes:
    """What `read_wav` gives, of a file's content."""
    header, data = _parts(content)
    return mulaw.encode(to_8_khz(mono(header, data), header.rate_hz))


def mono(format: Format, data: bytes) -> bytes:
    """16-bit PCM of a WAV file's samples, at their rate; what is no whole sample is left out."""
    width = format.bits // 8
    samples = _READERS[format.code, format.bits](data[: len(data) // width * width])
    return _mixed(samples, format.channels)


def write_wav(path: Path, sound: bytes, encoding: Literal["pcm", "mulaw"] = "pcm") -> None:
    """Write mu-law `sound` (8 kHz, mono) as a WAV file of 16-bit PCM or of mu-law."""
    path.write_bytes(to_wav(sound, encoding))


def to_wav(sound: bytes, encoding: Literal["pcm", "mulaw"] = "pcm") -> bytes:
    """The content of the file that `write_wav` writes."""
    if encoding == "pcm":
        return pcm_to_wav(mulaw.decode(sound), SAMPLE_RATE_HZ)
    # What is not PCM carries the size of its extension and the count of its samples.
    header = _FORMAT.pack(_MULAW, 1, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ, 1, 8) + bytes(2)
    fact = _chunk(b"fact", struct.pack("<I", len(sound)))
    chunks = _chunk(b"fmt ", header) + fact + _chunk(b"data", sound)
    return _chunk(b"RIFF", b"WAVE" + chunks)


def pcm_to_wav(pcm: bytes, rate_hz: int) -> bytes:
    """The content of a WAV file of 16-bit mono `pcm`."""
    header = _FORMAT.pack(_PCM, 1, rate_hz, rate_hz * 2, 2, 16)
    return _chunk(b"RIFF", b"WAVE" + _chunk(b"fmt ", header) + _chunk(b"data", pcm))


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _parts(content: bytes) -> tuple[Format, bytes]:
    """The format and the data of a WAV file."""
    header = None
    for name, chunk in _chunks(content):
        if name == b"fmt ":
            header = read_format(chunk)
        elif name == b"data" and header:
            return header, chunk
    raise AudioError(f"it has no {'sound' if header else 'format'} in it; {_REMEDY}")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise AudioError(f"it is not a WAV file; {_REMEDY}")
    at = 12
    while at + 8 <= len(content):
        (size,) = struct.unpack_from("<I", content, at + 4)
        yield content[at : at + 4], content[at + 8 : at + 8 + size]  # short when the file was cut
        at += 8 + size + size % 2


def read_format(chunk: bytes) -> Format:
    """What a `fmt ` chunk says. Raises AudioError where that is nothing we read."""
    if len(chunk) < _FORMAT.size:
        raise AudioError(f"its format is cut short; {_REMEDY}")
    code, channels, rate_hz, _, _, bits = _FORMAT.unpack_from(chunk)
    if code == _EXTENSIBLE and len(chunk) >= 26:
        (code,) = struct.unpack_from("<H", chunk, 24)  # the first bytes of the sub-format's GUID
    if not 1 <= channels <= _CHANNELS_LIMIT:
        raise AudioError(f"it has {channels} channels; {_REMEDY}")
    if (code, bits) not in _READERS:
        raise AudioError(f"format {code} of {bits} bits is not read here; {_REMEDY}")
    return Format(code, channels, rate_hz, bits)


def _mixed(samples: _Floats, channels: int) -> bytes:
    """One channel made of all, which take turns in `samples`."""
    whole = samples[: len(samples) // channels * channels].reshape(-1, channels)
    mixed: _Floats = whole.mean(axis=1)
    return np.clip(np.rint(mixed), -32768, 32767).astype("<i2").tobytes()


def _pcm_8(data: bytes) -> _Floats:
    return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) * np.float32(256)


def _pcm_16(data: bytes) -> _Floats:
    return np.frombuffer(data, "<i2").astype(np.float32)


def _pcm_24(data: bytes) -> _Floats:
    high = np.frombuffer(data, np.uint8).reshape(-1, 3)[:, 1:]  # the lowest byte is below hearing
    return _pcm_16(high.tobytes())


def _pcm_32(data: bytes) -> _Floats:
    return np.frombuffer(data, "<i4").astype(np.float32) / np.float32(65536)


def _float_32(data: bytes) -> _Floats:
    loud: _Floats = np.nan_to_num(np.frombuffer(data, "<f4"), posinf=1, neginf=-1)
    return np.clip(loud, -1, 1) * np.float32(32767)


def _mulaw_8(data: bytes) -> _Floats:
    return _pcm_16(mulaw.decode(data))


_READERS: Final[dict[tuple[int, int], Callable[[bytes], _Floats]]] = {
    (_PCM, 8): _pcm_8,
    (_PCM, 16): _pcm_16,
    (_PCM, 24): _pcm_24,
    (_PCM, 32): _pcm_32,
    (_FLOAT, 32): _float_32,
    (_MULAW, 8): _mulaw_8,
}
