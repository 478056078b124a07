"""Sound leaves as soon as it helps, in pieces of the size the line wants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audio.frames import CHUNK_BYTES, FRAME_BYTES, SAMPLE_RATE_HZ, SILENT_FRAME
from services.tts.chunks import Cutter


@given(st.lists(st.tuples(st.binary(max_size=4_000), st.floats(0, 1)), max_size=12))
def test_nothing_is_lost_and_every_piece_is_whole_frames(sound: list[tuple[bytes, float]]) -> None:
    cutter, now_s, pieces = Cutter(), 0.0, []
    for part, pause_s in sound:
        now_s += pause_s
        pieces += cutter.add(part, now_s)
    last = cutter.finish()
    assert b"".join([*pieces, last]) == (b"".join(part for part, _ in sound) or SILENT_FRAME)
    assert all(0 < len(piece) <= CHUNK_BYTES for piece in [*pieces, last])
    assert all(len(piece) % FRAME_BYTES == 0 for piece in pieces)


def test_the_first_frame_leaves_at_once() -> None:
    assert Cutter().add(bytes(FRAME_BYTES + 1), 0) == [bytes(FRAME_BYTES)]


def test_a_quick_synthesiser_s_sound_travels_in_few_pieces() -> None:
    cutter = Cutter()
    pieces = [piece for _ in range(250) for piece in cutter.add(bytes(FRAME_BYTES), 0)]
    assert len(pieces) < 35, "five seconds in pieces of 200 ms and a few to begin with"


@pytest.mark.parametrize("speed", [1.0, 1.3, 2.0])
def test_a_synthesiser_as_fast_as_speech_never_leaves_a_gap(speed: float) -> None:
    """A frame comes every 20 ms or sooner; what was sent must last until more is sent."""
    cutter, sent_bytes, begun_s = Cutter(), 0, 0.0
    for tick in range(1, 500):
        now_s = tick * 0.020 / speed
        before_bytes = sent_bytes
        sent_bytes += sum(map(len, cutter.add(bytes(FRAME_BYTES), now_s)))
        begun_s = begun_s or now_s * bool(sent_bytes)
        if before_bytes:
            assert (now_s - begun_s) * SAMPLE_RATE_HZ <= before_bytes + 1
