"""Messages as they stand in what a NATS server sends, given to those who take them as they come."""

from collections.abc import Callable
from typing import Final, TypeAlias

OnRaw: TypeAlias = Callable[[bytes, bytes, bytes, bytes], None]
"""Takes subject, reply subject, payload and headers, unparsed; empty where there is none."""

_CRLF: Final = b"\r\n"
_CRLF_BYTES: Final = 2


def hand_over(data: bytes, on_raw_of: Callable[[int], OnRaw | None]) -> int:
    """Hand over the messages it begins with. Returns where the first other thing begins.

    Other is also what is not whole, and what a subscription has no OnRaw for.
    """
    at, size = 0, len(data)
    while (eol := data.find(_CRLF, at)) > 0:
        body = start = eol + _CRLF_BYTES
        match data[at:eol].split(b" "):
            case b"HMSG", subject, sid, reply, head_bytes, all_bytes:
                body += int(head_bytes)
            case b"HMSG", subject, sid, head_bytes, all_bytes:
                reply, body = b"", body + int(head_bytes)
            case b"MSG", subject, sid, reply, all_bytes:
                pass
            case b"MSG", subject, sid, all_bytes:
                reply = b""
            case _:
                return at
        end = start + int(all_bytes)
        on_raw = on_raw_of(int(sid))
        if on_raw is None or end + _CRLF_BYTES > size:
            return at
        on_raw(subject, reply, data[body:end], data[start:body])
        at = end + _CRLF_BYTES
    return at
