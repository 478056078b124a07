"""The client protocol's messages: https://docs.nats.io/reference/reference-protocols/nats-protocol."""

import asyncio
import json
from typing import Final, NamedTuple

# How many words follow the operation where there is a reply subject; else it is one less.
_WORDS: Final = {b"PUB": 3, b"HPUB": 4, b"MSG": 4, b"HMSG": 5}


class Frame(NamedTuple):
    """One message of the protocol, as bytes and taken apart."""

    raw: bytes
    op: bytes
    subject: str = ""
    reply: str = ""
    headers: bytes = b""
    payload: bytes = b""

    @property
    def message_id(self) -> str:
        """Nats-Msg-Id; empty when it has none."""
        for line in self.headers.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name == b"Nats-Msg-Id":
                return value.strip().decode()
        return ""


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """The next frame. Raises IncompleteReadError or ConnectionError at the end."""
    line = await reader.readuntil(b"\r\n")
    op, *words = line.split()
    op = op.upper()
    if op == b"INFO":
        return Frame(_without_other_addresses(line), op)
    if op not in _WORDS:
        return Frame(line, op)
    size = int(words[-1])
    headed = int(words[-2]) if op in (b"HPUB", b"HMSG") else 0
    body = await reader.readexactly(size + 2)
    has_reply = len(words) == _WORDS[op]
    reply = words[2 if op in (b"MSG", b"HMSG") else 1].decode() if has_reply else ""
    return Frame(line + body, op, words[0].decode(), reply, body[:headed], body[headed:-2])


def _without_other_addresses(info: bytes) -> bytes:
    """The server's own addresses would lead clients past the proxy when they reconnect."""
    said = json.loads(info.split(maxsplit=1)[1])
    said.pop("connect_urls", None)
    return b"INFO " + json.dumps(said).encode() + b"\r\n"
