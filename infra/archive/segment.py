"""The format: a segment is a file of zstd frames, one for each call, and a manifest beside it.

A frame holds one call: a JSON line for each of its messages, by stream sequence. So a call is read
by its byte range alone, and the whole file by any zstd tool: `zstdcat FILE.jsonl.zst | jq`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, NamedTuple

import msgspec
import zstandard

from contracts.ids import CallId, TenantId
from infra.archive.errors import SegmentDamaged

FORMAT: Final = 1
_LEVEL: Final = 6  # ratio and speed of some levels: infra/decisions/0012-archive.md
_DATA: Final = ".jsonl.zst"
_MANIFEST: Final = ".json"


class StoredMessage(NamedTuple):
    """A message as the stream holds it."""

    family: str
    sequence: int  # stream sequence
    stored: str  # RFC 3339 in UTC, to the nanosecond, as the server says it
    id: str  # Nats-Msg-Id; "" where it had none
    payload: bytes


class Line(msgspec.Struct, kw_only=True):
    """One line of a segment. The payload stands in one of two places, byte for byte."""

    call: CallId
    family: str
    sequence: int
    stored: str
    id: str | msgspec.UnsetType = msgspec.UNSET
    message: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # where it is JSON on one line
    payload_base64: bytes | msgspec.UnsetType = msgspec.UNSET  # any other bytes


class CallEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Where a call stands in its segment. Sizes and offsets in bytes."""

    call: CallId
    offset: int
    length: int  # of its frame
    raw_bytes: int  # of its lines
    messages: int
    first: int  # stream sequence
    last: int  # stream sequence
    sha256: str  # of its lines, hexadecimal


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a segment exist."""

    format: int
    tenant: TenantId
    day: date
    file: str  # name of the data file beside it
    bytes: int
    raw_bytes: int
    messages: int
    first: int  # lowest stream sequence
    last: int  # highest stream sequence
    sha256: str  # of the data file, hexadecimal
    calls: tuple[CallEntry, ...]  # in the file's order
    digest: str = ""  # SHA-256 of this manifest as written with an empty digest


class Frame(NamedTuple):
    """A call, compressed. Its entry's offset is 0 until it has a place."""

    data: bytes
    entry: CallEntry


_encoder: Final = msgspec.json.Encoder()
_line: Final = msgspec.json.Decoder(Line)
_manifest: Final = msgspec.json.Decoder(Manifest)


def frame(call: CallId, messages: Sequence[StoredMessage]) -> Frame:
    """Compress a call; `messages` by sequence, at least one. What it says can be read back."""
    raw = b"".join(_line_of(call, each) for each in messages)
    data = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(raw)
    entry = CallEntry(
        call=call,
        offset=0,
        length=len(data),
        raw_bytes=len(raw),
        messages=len(messages),
        first=messages[0].sequence,
        last=messages[-1].sequence,
        sha256=hashlib.sha256(raw).hexdigest(),
    )
    return Frame(data, entry)


def unframe(key: str, data: bytes, entry: CallEntry) -> list[StoredMessage]:
    """The messages of a call. `key`: of the file, for the error. Raises SegmentDamaged."""
    try:
        if zstandard.frame_content_size(data) != entry.raw_bytes:  # it would be allocated unseen
            raise zstandard.ZstdError
        raw = zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError:
        raise SegmentDamaged(key, f"the frame of call {entry.call} is broken") from None
    if hashlib.sha256(raw).hexdigest() != entry.sha256:
        raise SegmentDamaged(key, f"call {entry.call} has another hash than its manifest says")
    return [_message_of(key, line) for line in raw.splitlines(keepends=True)]


def _line_of(call: CallId, message: StoredMessage) -> bytes:
    """The line; its payload as base64 where it would not come back from JSON as it was."""
    plain = Line(call=call, family=message.family, sequence=message.sequence, stored=message.stored)
    if message.id:
        plain.id = message.id
    if _is_one_line(message.payload):
        plain.message = msgspec.Raw(message.payload)
        line = _encoder.encode(plain) + b"\n"
        if _reads_back(line, message):
            return line
        plain.message = msgspec.UNSET
    plain.payload_base64 = message.payload
    return _encoder.encode(plain) + b"\n"


def _is_one_line(payload: bytes) -> bool:
    if not payload.startswith(b"{") or b"\n" in payload or b"\r" in payload:
        return False
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _reads_back(line: bytes, message: StoredMessage) -> bool:
    try:
        return _message_of("", line) == message
    except SegmentDamaged:
        return False


def _message_of(key: str, line: bytes) -> StoredMessage:
    try:
        read = _line.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SegmentDamaged(key, "has a line of another format") from None
    payload = b""
    if read.message is not msgspec.UNSET:
        payload = bytes(read.message)
    elif read.payload_base64 is not msgspec.UNSET:
        payload = read.payload_base64
    id = "" if read.id is msgspec.UNSET else read.id
    return StoredMessage(read.family, read.sequence, read.stored, id, payload)


class Part(NamedTuple):
    """A data file and its manifest, ready to be stored."""

    data: bytes
    manifest: Manifest


def part(tenant: TenantId, day: date, number: int, frames: Iterable[Frame]) -> Part:
    """Put frames into one file. Its name holds its hash, so no name has two contents."""
    entries, data = [], bytearray()
    for each in frames:
        entries.append(msgspec.structs.replace(each.entry, offset=len(data)))
        data += each.data
    sha256 = hashlib.sha256(data).hexdigest()
    manifest = Manifest(
        format=FORMAT,
        tenant=tenant,
        day=day,
        file=f"{number:04d}-{sha256[:16]}{_DATA}",
        bytes=len(data),
        raw_bytes=sum(each.raw_bytes for each in entries),
        messages=sum(each.messages for each in entries),
        first=min(each.first for each in entries),
        last=max(each.last for each in entries),
        sha256=sha256,
        calls=tuple(entries),
    )
    digest = hashlib.sha256(_encoder.encode(manifest)).hexdigest()
    return Part(bytes(data), msgspec.structs.replace(manifest, digest=digest))


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest's bytes."""
    return _encoder.encode(manifest) + b"\n"


def decode_manifest(key: str, data: bytes) -> Manifest:
    """Raises: SegmentDamaged."""
    try:
        manifest = _manifest.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SegmentDamaged(key, "is no manifest that this version reads") from None
    plain = msgspec.structs.replace(manifest, digest="")
    if hashlib.sha256(_encoder.encode(plain)).hexdigest() != manifest.digest:
        raise SegmentDamaged(key, "was altered after it was written")
    if manifest.format != FORMAT:
        raise SegmentDamaged(key, f"is of format {manifest.format}, this version reads {FORMAT}")
    return manifest


def folder(tenant: str, day: date | None = None) -> str:
    """Where the segments of a tenant stand, all or those of a day. Ends with a slash."""
    return f"tenant={tenant}/" + (f"day={day.isoformat()}/" if day else "")


def data_key(manifest: Manifest) -> str:
    """The data file's key in the store."""
    return folder(manifest.tenant, manifest.day) + manifest.file


def manifest_key(manifest: Manifest) -> str:
    """The manifest's key in the store."""
    return data_key(manifest).removesuffix(_DATA) + _MANIFEST


def manifest_of(key: str) -> str | None:
    """The key of a data file's manifest; None where `key` is no data file's."""
    return key.removesuffix(_DATA) + _MANIFEST if key.endswith(_DATA) else None


def is_manifest(key: str) -> bool:
    """Whether a key is a manifest's."""
    return key.startswith("tenant=") and key.endswith(_MANIFEST)


def place_of(key: str) -> tuple[str, date, str] | None:
    """Tenant, day and name a key says; None where it is not of an archive."""
    parts = key.split("/")
    if len(parts) != 3 or not (parts[0].startswith("tenant=") and parts[1].startswith("day=")):
        return None
    try:
        day = date.fromisoformat(parts[1].removeprefix("day="))
    except ValueError:
        return None
    return parts[0].removeprefix("tenant="), day, parts[2]
