"""Segments: what goes in comes out to the byte, and damage is never taken for a call."""

import json
from datetime import date

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import CallId, TenantId
from infra.archive.errors import SegmentDamaged
from infra.archive.segment import (
    Part,
    StoredMessage,
    decode_manifest,
    encode_manifest,
    frame,
    part,
    place_of,
    unframe,
)

CALL = CallId("0193a3f0-0000-7000-8000-000000000001")
ODD = (
    b"",
    b"\x00",
    b"null",
    b'{"a":1}\n',
    b'{"a":"\xff"}',
    b' {"a": 1} ',
    b'{"a":1}{"b":2}',
    b'{"a":' * 2000 + b"1" + b"}" * 2000,
    b'{"n":1e400,"n":12345678901234567890123}',
    '{"says":"Grüße \\u2028 \u2028"}'.encode(),
)


def stored(sequence: int, payload: bytes, id: str = "") -> StoredMessage:
    return StoredMessage("line", sequence, "2026-11-22T05:01:47.12345678Z", id, payload)


@given(st.lists(st.one_of(st.binary(), st.sampled_from(ODD)), min_size=1), st.text())
def test_any_bytes_come_back_as_they_were(payloads: list[bytes], id: str) -> None:
    messages = [stored(n, payload, id) for n, payload in enumerate(payloads, start=1)]
    made = frame(CALL, messages)
    assert unframe("key", made.data, made.entry) == messages


def test_a_payload_that_is_json_can_be_read_with_any_tool() -> None:
    made = frame(CALL, [stored(7, b'{"by":"gateway-1","events":[]}', "id-7")])
    assert json.loads(zstandard.ZstdDecompressor().decompress(made.data, made.entry.raw_bytes)) == {
        "call": CALL,
        "family": "line",
        "sequence": 7,
        "stored": "2026-11-22T05:01:47.12345678Z",
        "id": "id-7",
        "message": {"by": "gateway-1", "events": []},
    }


def two_calls() -> Part:
    frames = [frame(CallId(f"call-{n}"), [stored(n, b'{"a":1}')]) for n in (1, 2)]
    return part(TenantId("main"), date(2026, 11, 22), 1, frames)


def test_a_call_is_read_by_its_byte_range_alone() -> None:
    data, manifest = two_calls()
    second = manifest.calls[1]
    alone = data[second.offset : second.offset + second.length]
    assert unframe("key", alone, second) == [stored(2, b'{"a":1}')]


def test_every_flipped_bit_of_a_frame_is_found() -> None:
    made = frame(CALL, [stored(1, b'{"says":"hello"}'), stored(2, b'{"says":"bye"}')])
    for place in range(len(made.data) * 8):
        broken = bytearray(made.data)
        broken[place // 8] ^= 1 << place % 8
        try:
            read = unframe("key", bytes(broken), made.entry)
        except SegmentDamaged:
            continue
        assert read == unframe("key", made.data, made.entry)  # an unused bit of the frame's header


@pytest.mark.parametrize("kept", [0, 1, 10])
def test_a_frame_cut_short_is_damaged(kept: int) -> None:
    made = frame(CALL, [stored(1, b'{"says":"hello"}')])
    with pytest.raises(SegmentDamaged, match="key"):
        unframe("key", made.data[:kept], made.entry)


def test_a_frame_that_would_fill_the_memory_is_refused() -> None:
    entry = frame(CALL, [stored(1, b'{"says":"hello"}')]).entry
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 30))
    with pytest.raises(SegmentDamaged):
        unframe("key", bomb, entry)


def test_a_manifest_that_was_altered_is_damaged() -> None:
    manifest = two_calls().manifest
    assert decode_manifest("key", encode_manifest(manifest)) == manifest
    fewer = msgspec.structs.replace(manifest, calls=manifest.calls[:1])
    with pytest.raises(SegmentDamaged, match="altered"):
        decode_manifest("key", encode_manifest(fewer))
    with pytest.raises(SegmentDamaged, match="no manifest"):
        decode_manifest("key", b'{"format":')


def test_the_same_calls_have_the_same_name_and_others_another() -> None:
    assert two_calls() == two_calls()
    other = part(TenantId("main"), date(2026, 11, 22), 1, [frame(CALL, [stored(1, b"{}")])])
    assert other.manifest.file != two_calls().manifest.file


@pytest.mark.parametrize("key", ["", "a", "tenant=a/day=x/p.json", "tenant=a/p.json", "a/b/c"])
def test_other_files_in_the_store_are_none_of_ours(key: str) -> None:
    assert place_of(key) is None
