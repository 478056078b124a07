"""Sound leaves as soon as it helps, in pieces of the size the line wants."""

from hypothesis import given
from hypothesis import strategies as st

from services.audio.frames import CHUNK_BYTES, FRAME_BYTES, SILENT_FRAME
from services.tts.chunks import Cutter


@given(st.lists(st.binary(max_size=4_000), max_size=12))
def test_nothing_is_lost_and_every_piece_is_whole_frames(sound: list[bytes]) -> None:
    cutter = Cutter()
    pieces = [piece for part in sound for piece in cutter.add(part)]
    last = cutter.finish()
    assert b"".join([*pieces, last]) == (b"".join(sound) or SILENT_FRAME)
    assert all(0 < len(piece) <= CHUNK_BYTES for piece in [*pieces, last])
    assert all(len(piece) % FRAME_BYTES == 0 for piece in pieces)


def test_the_first_frame_leaves_at_once() -> None:
    assert Cutter().add(bytes(FRAME_BYTES + 1)) == [bytes(FRAME_BYTES)]


def test_a_synthesiser_as_fast_as_speech_never_leaves_a_gap() -> None:
    """One frame comes every 20 ms; what was sent must last until the next piece is sent."""
    cutter, sent_bytes, begun = Cutter(), 0, 0
    for tick in range(1, 500):
        pieces = cutter.add(bytes(FRAME_BYTES))
        if pieces and not begun:
            begun = tick
        played_bytes = (tick - begun) * FRAME_BYTES if begun else 0
        assert played_bytes <= sent_bytes + sum(map(len, pieces))
        sent_bytes += sum(map(len, pieces))
