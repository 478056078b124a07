"""A message's headers as they came, for who takes messages before nats-py has read them.

Source: https://docs.nats.io/reference/reference-protocols/nats-protocol#hmsg
"""

from typing import Final

_VERSION: Final = len(b"NATS/1.0 ")


def headers_told(raw: bytes) -> dict[str, str]:
    """By name; of one that comes twice, the last. The server's own come behind a writer's."""
    lines = raw.decode().split("\r\n")
    return dict(line.split(": ", 1) for line in lines[1:] if ": " in line)


def status_of(raw: bytes) -> str:
    """The server's own word, three digits; empty: it is somebody's message."""
    return raw[_VERSION : _VERSION + 3].decode() if raw.startswith(b"NATS/1.0 ") else ""
