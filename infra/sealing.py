"""How personal data is sealed: AES-SIV with a key per call, wrapped by the master key.

RFC 5297, with 512-bit keys (AES-256): authenticated, and the same words in the same place give the
same bytes, for the log compares bytes when it is asked twice. Bound to each sealed value are its
call and its place: the field's path with the time of its event, so a value put elsewhere does not
open, and two equal words are not seen to be equal. What can be seen is how long a value is.

On the wire text is its sealed form in base64; a dict marked as a whole is {"sealed": the same}.
"""

import hashlib
import os
from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from contracts.ids import CallId
from contracts.key import KeyMade
from contracts.marked_fields import ERASED
from contracts.seal import Locked, Unreadable

_KEY_BYTES: Final = 64  # two AES-256 keys
_SEALED: Final = "sealed"  # the one entry of a sealed dict


class CallKey:
    """One call's key. As a hand, see contracts.marked_fields, it seals."""

    def __init__(self, call: CallId, key: bytes) -> None:
        self._cipher, self._call = AESSIV(key), call.encode()

    def text(self, place: str, value: str) -> str:
        return self._seal(place, value.encode())

    def whole(self, place: str, value: dict[str, Any]) -> dict[str, Any]:
        return {_SEALED: self._seal(place, msgspec.json.encode(value))}

    def values(self, place: str, value: dict[str, str]) -> dict[str, str]:
        return {k: v and self.text(f"{place}.{k}", v) for k, v in value.items()}

    def _seal(self, place: str, words: bytes) -> str:
        sealed = self._cipher.encrypt(words, [self._call, place.encode()])
        return b2a_base64(sealed, newline=False).decode()

    def unseal(self, place: str, sealed: object) -> bytes:
        """Raises Unreadable when it is not what was sealed in this place."""
        try:
            return self._cipher.decrypt(a2b_base64(_ascii(sealed)), [self._call, place.encode()])
        except (InvalidTag, NotBase64, ValueError):
            raise Unreadable("a sealed field is not as it was sealed") from None


class Opening:
    """The hand that gives sealed fields their words back. Raises Unreadable."""

    def __init__(self, key: CallKey) -> None:
        self._key = key

    def text(self, place: str, value: str) -> str:
        return self._key.unseal(place, value).decode()

    def whole(self, place: str, value: dict[str, Any]) -> dict[str, Any]:
        words = self._key.unseal(place, value.get(_SEALED))
        return msgspec.json.decode(words, type=dict[str, Any])

    def values(self, place: str, value: dict[str, str]) -> dict[str, str]:
        return {k: v and self.text(f"{place}.{k}", v) for k, v in value.items()}


class Erasing:
    """The hand for a call whose key is gone."""

    def text(self, place: str, value: str) -> str:
        return ERASED

    def whole(self, place: str, value: dict[str, Any]) -> dict[str, Any]:
        return {}

    def values(self, place: str, value: dict[str, str]) -> dict[str, str]:
        return {}


class Leaving:
    """The hand for a call that never had a key."""

    def text(self, place: str, value: str) -> str:
        return value

    def whole(self, place: str, value: dict[str, Any]) -> dict[str, Any]:
        return value

    def values(self, place: str, value: dict[str, str]) -> dict[str, str]:
        return value


class MasterKey:
    """What wraps the calls' keys. Never shown; `id` names it without telling anything of it."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32, 48 or 64 bytes. Raises ValueError for another length."""
        self._cipher = AESSIV(key)
        self.id: Final = hashlib.sha256(b"partyline master key" + key).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"MasterKey({self.id})"

    def make(self, call: CallId, at_ms: int) -> KeyMade:
        """A new key for a call, wrapped."""
        wrapped = self._cipher.encrypt(os.urandom(_KEY_BYTES), [call.encode()])
        text = b2a_base64(wrapped, newline=False).decode()
        return KeyMade(at_ms=at_ms, wrapped=text, master=self.id)

    def unwrap(self, call: CallId, made: KeyMade) -> CallKey:
        """Raises Locked when another master key wrapped it, or it is not this call's."""
        if made.master != self.id:
            raise Locked(
                f"The calls' keys are wrapped by master key {made.master}, and this is {self.id}:"
                " give the file of the other one, PARTYLINE_MASTER_KEY_FILE."
            )
        try:
            return CallKey(call, self._cipher.decrypt(a2b_base64(made.wrapped), [call.encode()]))
        except (InvalidTag, NotBase64, ValueError):
            raise Locked(f"The key of call {call} was changed: nothing opens it.") from None


def _ascii(sealed: object) -> str:
    if isinstance(sealed, str):
        return sealed
    raise ValueError
