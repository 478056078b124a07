"""One thing the doctor looked at."""

from typing import Literal

import msgspec

Verdict = Literal["ok", "note", "fails"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What it is, how it stands, and what to do about it."""

    what: str
    verdict: Verdict
    says: str
    remedy: str = ""
