"""Names that may enter a NATS subject, and how call ids are made."""

import os
import re
import time
from typing import Final, NewType

TenantId = NewType("TenantId", str)
CallId = NewType("CallId", str)  # a UUIDv7: sorts by the time of the ring
AgentId = NewType("AgentId", str)
DocumentId = NewType("DocumentId", str)
HostId = NewType("HostId", str)  # one process of one role

_ALLOWED: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class BadId(ValueError):
    """An id that must not enter a subject. Never quotes the id: callers may have chosen it."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind} id must be 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'")
        self.kind = kind


def checked(kind: str, value: str) -> str:
    """Return `value`, or raise BadId. `kind` names it in the error: call, tenant, agent..."""
    if not _ALLOWED.fullmatch(value):
        raise BadId(kind)
    return value


def new_call_id(now_ms: int | None = None) -> CallId:
    """A fresh UUIDv7 (RFC 9562, section 5.7); `now_ms` is UNIX time in milliseconds."""
    stamp_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    random = int.from_bytes(os.urandom(10), "big")
    number = (stamp_ms & (1 << 48) - 1) << 80 | random
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    text = f"{number:032x}"
    return CallId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


def new_host_id(role: str) -> HostId:
    """A name for this process in this role, unique enough to be asked `do you live?`."""
    return HostId(f"{role}-{os.getpid()}-{os.urandom(4).hex()}")
