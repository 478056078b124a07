"""What loopback voices say: a tone as long as the text would be, at the vendor's sampling rate."""

import struct

import numpy as np

UNKNOWN_SIZE = 0xFFFF_FFFF  # what vendors write into the header of a file that streams
MS_PER_CHARACTER = 60


def pcm_tone(text: str, rate_hz: int) -> bytes:
    """16-bit little-endian mono PCM."""
    at = np.arange(len(text) * MS_PER_CHARACTER * rate_hz // 1_000) / rate_hz
    return (8_000 * np.sin(2 * np.pi * 400 * at)).astype("<i2").tobytes()


def wav_header(rate_hz: int, size_bytes: int = UNKNOWN_SIZE) -> bytes:
    """Of 16-bit mono PCM; Microsoft's Multimedia Programming Interface, "RIFF"."""
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16)
    data = b"WAVEfmt " + form + b"data" + struct.pack("<I", size_bytes)
    return b"RIFF" + struct.pack("<I", min(UNKNOWN_SIZE, size_bytes + len(data))) + data
