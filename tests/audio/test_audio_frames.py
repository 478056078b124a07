import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audio import frames
from services.audio.frames import AgentChunk, CallerSound

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
FRAME = bytes(range(160))


@given(
    number=U32,
    at_ms=U64,
    mulaw=st.integers(1, 5).flatmap(lambda n: st.binary(min_size=160 * n, max_size=160 * n)),
)
def test_caller_frames_are_read_as_they_were_packed(number, at_ms, mulaw):
    sound = frames.unpack_caller(frames.pack_caller(number, at_ms, mulaw))
    assert sound == CallerSound(number, at_ms, mulaw)
    assert [frame.number for frame in sound.frames()] == list(range(number, sound.last + 1))
    assert b"".join(frame.mulaw for frame in sound.frames()) == mulaw


@given(
    chunk=st.builds(
        AgentChunk, U32, U32, U32, U32, st.booleans(), U64,
        st.integers(1, 10).flatmap(lambda n: st.binary(min_size=160 * n, max_size=160 * n)),
    )
)  # fmt: skip
def test_an_agent_chunk_is_read_as_it_was_packed(chunk):
    assert frames.unpack_agent(frames.pack_agent(chunk)) == chunk


def test_the_bytes_on_the_wire_stay_as_they_are():
    assert frames.pack_caller(1, 2, FRAME).hex() == "01000000010000000000000002" + FRAME.hex()
    packed = frames.pack_agent(AgentChunk(1, 2, 3, 4, True, 5, FRAME))
    assert packed.hex() == "020000000100000002000000030000000401" + "0000000000000005" + FRAME.hex()


def test_two_caller_frames_are_333_bytes():
    assert len(frames.pack_caller(1, 0, FRAME * 2)) == 333


def test_the_end_of_a_sentence_is_filled_up_with_silence():
    packed = frames.pack_agent(AgentChunk(1, 1, 1, 1, True, 0, FRAME + b"\x01"))
    assert frames.unpack_agent(packed).mulaw == FRAME + b"\x01" + b"\xff" * 159


@given(st.binary(max_size=500))
def test_random_bytes_are_refused_or_read_but_never_crash(payload):
    for unpack in (frames.unpack_caller, frames.unpack_agent):
        try:
            unpack(payload)
        except ValueError:
            continue


@pytest.mark.parametrize("cut", [0, 1, 12, 13, 172])
def test_a_caller_frame_cut_short_is_refused_with_its_size(cut):
    with pytest.raises(ValueError, match=f"^{cut} bytes are not"):
        frames.unpack_caller(frames.pack_caller(1, 2, FRAME)[:cut])


def test_one_kind_of_payload_is_not_taken_for_the_other():
    caller = frames.pack_caller(1, 2, FRAME)
    with pytest.raises(ValueError, match="not a caller frame"):
        frames.unpack_caller(b"\x02" + caller[1:])
    agent = frames.pack_agent(AgentChunk(1, 2, 3, 4, False, 5, FRAME))
    with pytest.raises(ValueError, match="not an agent chunk"):
        frames.unpack_agent(b"\x01" + agent[1:])
    with pytest.raises(ValueError, match="whole frames"):
        frames.unpack_agent(caller)


def test_flags_of_a_later_version_are_refused():
    packed = bytearray(frames.pack_agent(AgentChunk(1, 2, 3, 4, False, 5, FRAME)))
    packed[17] = 0x82
    with pytest.raises(ValueError, match="flags 0x82"):
        frames.unpack_agent(bytes(packed))


@pytest.mark.parametrize("sound", [b"", FRAME * 51])
def test_an_agent_chunk_holds_neither_nothing_nor_more_than_a_second(sound):
    with pytest.raises(ValueError, match="1 to 8000 bytes"):
        frames.pack_agent(AgentChunk(1, 2, 3, 4, False, 5, sound))


@pytest.mark.parametrize("length", [0, 159, 161, 51 * 160])
def test_caller_frames_are_whole_and_no_more_than_a_second(length):
    with pytest.raises(ValueError, match="whole caller frames"):
        frames.pack_caller(1, 2, bytes(length))


@given(st.binary(max_size=1000))
def test_split_sound_put_together_is_the_sound_and_silence(sound):
    pieces = list(frames.split(sound))
    assert {len(piece) for piece in pieces} <= {160}
    assert b"".join(pieces) == frames.pad(sound)
    assert frames.pad(sound).startswith(sound)


def test_sound_is_split_into_chunks_of_200_ms():
    sizes = [len(piece) for piece in frames.split(FRAME * 24 + b"\0", frames.CHUNK_BYTES)]
    assert sizes == [1600, 1600, 800]


def test_a_second_of_sound_lasts_a_second():
    assert frames.duration_ms(bytes(8000)) == 1000
