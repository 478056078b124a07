"""The key that seals a call's personal data, or the word that there is none any more.

subject  key.<call>    stream  KEYS
written  services/gateway    read    services/{gateway,stt,dialog,rag,tts}, projections
"""

from typing import TypeAlias

from contracts.event import Event


class KeyMade(Event, frozen=True, kw_only=True, tag="key.made/1"):
    """A call that just rang got its key."""

    wrapped: str  # the key, sealed by the master key: AES-SIV with the call's id, in base64
    master: str  # which master key wrapped it: its id, see infra/sealing.py


class KeyErased(Event, frozen=True, kw_only=True, tag="key.erased/1"):
    """The key was deleted and overwritten; the call never gets another."""


KeyEvent: TypeAlias = KeyMade | KeyErased
