"""G.711 mu-law, the telephone's eight bits a sample, to and from 16-bit PCM.

PCM is little-endian, signed, mono. Python's own `audioop` does it fastest but is gone from 3.13;
the numpy tables below give the same for every input, so the two may stand in for each other.
"""

import math
import sys
import warnings
from typing import Final

import numpy as np
import numpy.typing as npt

SILENCE: Final = 0xFF  # the mu-law byte of amplitude 0
_BIAS: Final = 33  # added before the segment is looked up, in 14-bit steps
_CLIP: Final = 8158  # with the bias the last magnitude of the loudest segment


def _decode_table() -> npt.NDArray[np.int16]:
    """The 16-bit amplitude of each of the 256 codes."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) * 8 + 0x84) << (code >> 4 & 0x07)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype("<i2")


def _encode_table() -> npt.NDArray[np.uint8]:
    """The code of each 16-bit amplitude, at the place of its unsigned pattern (0 to 65535)."""
    amplitude = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32) >> 2
    magnitude = np.minimum(np.abs(amplitude), _CLIP) + _BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    code = (segment << 4) | (magnitude >> (segment + 1)) & 0x0F
    inverted = np.where(amplitude < 0, 0x7F, 0xFF)
    codes: npt.NDArray[np.uint8] = np.bitwise_xor(code, inverted).astype(np.uint8)
    return codes


AMPLITUDES: Final = _decode_table()  # by code, -32124..32124
_CODES: Final = _encode_table()


def whole_samples(pcm: bytes) -> bytes:
    """`pcm` without the half sample that a cut in the wrong place leaves at its end."""
    return pcm if len(pcm) % 2 == 0 else pcm[:-1]


def decode_by_table(mulaw: bytes) -> bytes:
    """What `decode` gives, without audioop."""
    return AMPLITUDES.take(np.frombuffer(mulaw, np.uint8)).tobytes()


def encode_by_table(pcm: bytes) -> bytes:
    """What `encode` gives, without audioop."""
    return _CODES.take(np.frombuffer(whole_samples(pcm), "<u2")).tobytes()


def level_rms_by_table(mulaw: bytes) -> int:
    """What `level_rms` gives, without audioop."""
    samples = AMPLITUDES.take(np.frombuffer(mulaw, np.uint8)).astype(np.int64)
    return math.isqrt(int(samples.dot(samples)) // len(mulaw)) if mulaw else 0


def level_rms(mulaw: bytes) -> int:
    """The root mean square of `mulaw` as 16-bit amplitudes, rounded down; 0 when it is empty."""
    return _level_rms(mulaw)


def decode(mulaw: bytes) -> bytes:
    """16-bit PCM of `mulaw`, two bytes for each byte given."""
    return _decode(mulaw)


def encode(pcm: bytes) -> bytes:
    """mu-law of 16-bit `pcm`; an odd byte at the end is left out."""
    return _encode(pcm)


_decode, _encode, _level_rms = decode_by_table, encode_by_table, level_rms_by_table
if sys.version_info < (3, 13) and sys.byteorder == "little":  # audioop speaks the machine's order
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
            import audioop
    except ImportError:  # a Python built without it
        pass
    else:

        def _decode(mulaw: bytes) -> bytes:
            return audioop.ulaw2lin(mulaw, 2)

        def _encode(pcm: bytes) -> bytes:
            return audioop.lin2ulaw(whole_samples(pcm), 2)

        def _level_rms(mulaw: bytes) -> int:
            return audioop.rms(audioop.ulaw2lin(mulaw, 2), 2)
