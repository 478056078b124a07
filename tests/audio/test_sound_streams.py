"""Sound that comes in pieces, from voices that do not speak the telephone's format."""

import struct
from collections.abc import AsyncIterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audio import mulaw
from services.audio.errors import AudioError
from services.audio.streams import PcmStream, SoundStream, WavStream, telephone
from services.audio.wav import to_wav

RATES_HZ = [16_000, 22_050, 24_000, 48_000]
SIZES = {"true": None, "nought": 0, "all ones": 0xFFFF_FFFF, "signed": 0x7FFF_FFFF}


def tone(rate_hz: int, seconds: float = 0.5) -> bytes:
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    return (10_000 * np.sin(2 * np.pi * 700 * at)).astype("<i2").tobytes()


def wav(pcm: bytes, rate_hz: int, size: int | None = None, after: bytes = b"") -> bytes:
    """A file as vendors stream them; the size may be a placeholder."""
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16)
    notes = b"LIST\x03\x00\x00\x00abc\x00"
    size = len(pcm) if size is None else size
    whole = 0xFFFF_FFFF if size > len(pcm) else size
    head = b"RIFF" + struct.pack("<I", whole) + b"WAVE" + b"fmt " + form + notes
    return head + b"data" + struct.pack("<I", size) + pcm + after


def fed(stream: SoundStream, sound: bytes, piece_bytes: int) -> bytes:
    pieces = [sound[at : at + piece_bytes] for at in range(0, len(sound), piece_bytes)]
    return b"".join([*(stream.feed(piece) for piece in pieces), stream.feed(b"", last=True)])


def amplitudes(sound: bytes) -> np.ndarray:
    return np.frombuffer(mulaw.decode(sound), "<i2").astype(int)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("piece_bytes", [1, 333, 4096])
def test_cuts_anywhere_in_header_or_sample_change_nothing(rate_hz: int, piece_bytes: int) -> None:
    pcm = tone(rate_hz, 0.1)
    whole = amplitudes(fed(PcmStream(rate_hz), pcm, len(pcm)))
    for cut in (
        fed(PcmStream(rate_hz), pcm, piece_bytes),
        fed(WavStream(), wav(pcm, rate_hz), piece_bytes),
    ):
        assert len(cut) == len(whole)
        assert int(np.abs(amplitudes(cut) - whole).max()) <= 520, "one step of mu-law there"


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_all_of_a_stream_comes_out_to_its_last_sample(rate_hz: int) -> None:
    """A click at the very end is heard: nothing stays inside the filter."""
    silent = bytes(rate_hz // 5 * 2)
    click = np.full(rate_hz // 1000, 20_000, "<i2").tobytes()
    heard = amplitudes(fed(PcmStream(rate_hz), silent + click, 4096))
    assert int(heard[-24:].max()) > 10_000
    assert abs(len(heard) / 8 - 201 - 1.5) < 0.5, "milliseconds, with those of the filter"


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_less_than_a_millisecond_is_held_back(rate_hz: int) -> None:
    stream, out_ms = WavStream(), 0.0
    stream.feed(wav(b"", rate_hz, 0))
    for fed_ms in range(20, 1_020, 20):
        out_ms += len(stream.feed(bytes(rate_hz // 50 * 2))) / 8
        assert fed_ms - out_ms < 1.0


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_the_size_in_a_streamed_header_may_be_a_placeholder(size: int | None) -> None:
    pcm = tone(24_000)
    assert fed(WavStream(), wav(pcm, 24_000, size), 4096) == fed(PcmStream(24_000), pcm, 4096)


def test_what_follows_the_sound_in_a_file_is_not_played() -> None:
    pcm = tone(24_000)
    after = b"LIST" + struct.pack("<I", 4_000) + b"\x7f" * 4_000
    assert fed(WavStream(), wav(pcm, 24_000, after=after), 4096) == fed(
        WavStream(), wav(pcm, 24_000), 4096
    )


def test_telephone_sound_in_a_file_passes_unchanged() -> None:
    sound = bytes(range(256)).replace(b"\x7f", b"\xff")
    assert fed(WavStream(), to_wav(sound, "mulaw"), 100) == sound


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        (b"<html>bad gateway</html>", "not a WAV file"),
        (b"RIFF....AVI ", "not a WAV file"),
        (b"", "without sound"),
        (wav(tone(24_000), 24_000)[:30], "without sound"),
        (b"RIFF....WAVEdata\x02\x00\x00\x00ab", "without a format"),
        (wav(tone(24_000), 24_000)[:-2], "cut short"),
        (wav(b"", 3), "not sound"),
        (b"RIFF....WAVELIST\xff\xff\xff\x00" + bytes(70_000), "without sound"),
    ],
)
def test_what_is_no_sound_is_said_to_be_none(file: bytes, complaint: str) -> None:
    with pytest.raises(AudioError, match=complaint):
        fed(WavStream(), file, 1_000)


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_never_crashes(garbage: bytes) -> None:
    with pytest.raises(AudioError):
        fed(WavStream(), garbage + wav(tone(16_000, 0.01), 16_000)[:-1], 25)


async def test_an_answer_without_any_sound_is_an_error() -> None:
    async def nothing() -> AsyncIterator[bytes]:
        return
        yield b""

    with pytest.raises(AudioError, match="no sound came"):
        async for _ in telephone(nothing(), PcmStream(24_000)):
            pass
