import struct
import wave
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audio import mulaw
from services.audio.errors import AudioError
from services.audio.wav import from_wav, read_wav, to_wav, write_wav

EVERY_CODE = bytes(range(256)).replace(b"\x7f", b"\xff")
AT = np.arange(8000)


def pcm_file(samples: np.ndarray, width: int, channels: int = 1, rate_hz: int = 8000) -> bytes:
    """A file as the standard library writes it."""
    stream = BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())
    return stream.getvalue()


def file_of(code: int, bits: int, data: bytes, channels: int = 1, extra: bytes = b"") -> bytes:
    width = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, 8000, 8000 * width, width, bits) + extra
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"LIST\x03\x00\x00\x00abc\x00" + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


def close(one: bytes, other: bytes) -> bool:
    amplitudes = [np.frombuffer(mulaw.decode(sound), "<i2").astype(int) for sound in (one, other)]
    return int(np.abs(amplitudes[0] - amplitudes[1]).max()) <= 520  # one step of mu-law there


SINE = (10_000 * np.sin(AT / 20)).astype("<i2")
SPOKEN = mulaw.encode(SINE.tobytes())


def test_sixteen_bits_mono_comes_out_as_mulaw():
    assert from_wav(pcm_file(SINE, 2)) == SPOKEN


@pytest.mark.parametrize(
    "content",
    [
        pcm_file(((SINE.astype(int) + 128) // 256 + 128).astype(np.uint8), 1),
        file_of(1, 24, b"".join(b"\x55" + int(s).to_bytes(2, "little", signed=True) for s in SINE)),
        file_of(1, 32, (SINE.astype("<i4") * 65536).tobytes()),
        file_of(3, 32, (SINE / 32767).astype("<f4").tobytes()),
        file_of(7, 8, SPOKEN),
        file_of(0xFFFE, 16, SINE.tobytes(), extra=struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)),
    ],
    ids=["8 bits", "24 bits", "32 bits", "float", "mu-law", "extensible"],
)
def test_every_common_format_gives_the_same_sound(content):
    assert close(from_wav(content), SPOKEN)


def test_two_channels_are_mixed_into_one():
    both = np.stack([SINE, np.zeros_like(SINE)], axis=1)
    assert close(from_wav(pcm_file(both, 2, channels=2)), mulaw.encode((SINE // 2).tobytes()))


@pytest.mark.parametrize("rate_hz", [11025, 16000, 22050, 24000, 44100, 48000])
def test_any_rate_becomes_8_khz(rate_hz):
    at = np.arange(rate_hz) / rate_hz
    sine = (10_000 * np.sin(2 * np.pi * 440 * at)).astype("<i2")
    assert abs(len(from_wav(pcm_file(sine, 2, rate_hz=rate_hz))) - 8000) <= 2


@pytest.mark.parametrize("encoding", ["pcm", "mulaw"])
def test_what_was_written_is_read_again(tmp_path, encoding):
    write_wav(tmp_path / "call.wav", EVERY_CODE, encoding)
    assert read_wav(tmp_path / "call.wav") == EVERY_CODE


def test_other_programs_can_read_what_was_written():
    with wave.open(BytesIO(to_wav(EVERY_CODE))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert file.readframes(256) == mulaw.decode(EVERY_CODE)


@pytest.mark.parametrize("length", [0, 1, 159])
def test_sound_of_any_length_is_written(length):
    assert from_wav(to_wav(EVERY_CODE[:length], "mulaw")) == EVERY_CODE[:length]


def test_a_file_cut_short_gives_what_is_there():
    assert from_wav(pcm_file(SINE, 2)[:-4001]) == SPOKEN[:-2001]


def test_a_stream_of_unknown_length_is_read_to_its_end():
    content = bytearray(pcm_file(SINE, 2))
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    assert from_wav(bytes(content)) == SPOKEN


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not a WAV file"),
        (b"ID3\x04 an mp3", "not a WAV file"),
        (b"RIFF\x04\x00\x00\x00WAVE", "no format in it"),
        (pcm_file(SINE, 2)[:36], "no sound in it"),
        (file_of(1, 16, b"")[:30], "cut short"),
        (file_of(6, 8, SPOKEN), "format 6 of 8 bits"),
        (file_of(1, 12, SPOKEN), "format 1 of 12 bits"),
        (file_of(1, 16, SPOKEN, channels=0), "0 channels"),
        (file_of(1, 16, SPOKEN, channels=99), "99 channels"),
    ],
)
def test_what_is_not_read_is_refused_with_the_remedy(content, complaint):
    with pytest.raises(AudioError, match=f"{complaint}.*sox INPUT"):
        from_wav(content)


def test_the_refusal_names_the_file(tmp_path):
    (tmp_path / "notes.wav").write_text("not sound")
    with pytest.raises(AudioError, match=r"^notes\.wav: it is not a WAV file"):
        read_wav(tmp_path / "notes.wav")


def test_a_rate_of_zero_is_refused():
    content = bytearray(pcm_file(SINE, 2))
    content[24:28] = bytes(4)
    with pytest.raises(AudioError, match="0 Hz"):
        from_wav(bytes(content))


@given(st.binary(max_size=300))
def test_random_bytes_are_read_or_refused_but_never_crash(noise):
    for content in (noise, b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + noise, file_of(1, 24, noise)):
        try:
            from_wav(content)
        except AudioError:
            continue
