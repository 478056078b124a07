"""Messages as they stand in what a NATS server sends, given to those who take them as they come."""

from collections.abc import Callable
from typing import Final, TypeAlias

OnRaw: TypeAlias = Callable[[bytes, bytes, bytes, bytes], None]
"""Takes subject, reply subject, payload and headers, unparsed; empty where there is none."""

_END: Final = b"\r"  # of a line; its line feed follows. One byte is found sooner than two
_END_BYTES: Final = 2


def hand_over(data: bytes, on_raw_of: Callable[[int], OnRaw | None]) -> int:
    """Hand over the messages it begins with. Returns where the first other thing begins.

    Other is also what is not whole, and what a subscription has no OnRaw for.
    """
    at, size = 0, len(data)
    known_sid, on_raw = b"", None  # of the message before: it is nearly always the same
    while (eol := data.find(_END, at)) > 0:
        words = data[at:eol].split(b" ")
        verb, count = words[0], len(words)
        body = start = eol + _END_BYTES
        if verb == b"MSG" and (count == 5 or count == 4):
            reply = words[3] if count == 5 else b""
        elif verb == b"HMSG" and (count == 6 or count == 5):
            reply = words[3] if count == 6 else b""
            body += int(words[-2])
        else:
            return at
        end = start + int(words[-1])
        if words[2] != known_sid:
            known_sid, on_raw = words[2], on_raw_of(int(words[2]))
        if on_raw is None or end + _END_BYTES > size:
            return at
        on_raw(words[1], reply, data[body:end], data[start:body])
        at = end + _END_BYTES
    return at
