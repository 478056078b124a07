import sys
from importlib.util import module_from_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audio import mulaw

EVERY_CODE = bytes(range(256))
EVERY_AMPLITUDE = np.arange(-32768, 32768).astype("<i2").tobytes()


def test_the_table_and_audioop_decode_every_code_alike():
    assert mulaw.decode_by_table(EVERY_CODE) == mulaw.decode(EVERY_CODE)


def test_the_table_and_audioop_encode_every_amplitude_alike():
    assert mulaw.encode_by_table(EVERY_AMPLITUDE) == mulaw.encode(EVERY_AMPLITUDE)


@given(st.binary(max_size=400))
def test_the_table_and_audioop_find_any_sound_alike_loud(sound):
    assert mulaw.level_rms_by_table(sound) == mulaw.level_rms(sound)


@pytest.mark.parametrize("decode", [mulaw.decode, mulaw.decode_by_table])
@pytest.mark.parametrize("encode", [mulaw.encode, mulaw.encode_by_table])
def test_a_code_survives_there_and_back_except_for_the_second_zero(decode, encode):
    changed = [c for c, back in enumerate(encode(decode(EVERY_CODE))) if c != back]
    assert changed == [0x7F]  # "minus zero" comes back as zero


def test_known_values_of_g711_come_out():
    assert np.frombuffer(mulaw.decode(b"\x00\x80\xff\x7f"), "<i2").tolist() == [-32124, 32124, 0, 0]


def test_silence_is_amplitude_zero():
    assert mulaw.decode(bytes([mulaw.SILENCE])) == b"\0\0"


@pytest.mark.parametrize("encode", [mulaw.encode, mulaw.encode_by_table])
def test_half_a_sample_at_the_end_is_left_out(encode):
    assert encode(b"\0\0\0") == b"\xff"
    assert encode(b"\0") == b""


@pytest.mark.parametrize(
    "change", [mulaw.encode, mulaw.encode_by_table, mulaw.decode, mulaw.decode_by_table]
)
def test_no_sound_stays_no_sound(change):
    assert change(b"") == b""


def test_a_python_without_audioop_works_by_the_tables(monkeypatch):
    monkeypatch.setitem(sys.modules, "audioop", None)
    assert mulaw.__spec__
    assert mulaw.__spec__.loader
    elsewhere = module_from_spec(mulaw.__spec__)
    mulaw.__spec__.loader.exec_module(elsewhere)
    assert elsewhere.decode(EVERY_CODE) == mulaw.decode(EVERY_CODE)
    assert elsewhere.encode(EVERY_AMPLITUDE) == mulaw.encode(EVERY_AMPLITUDE)
    assert elsewhere.level_rms(EVERY_CODE) == mulaw.level_rms(EVERY_CODE)
