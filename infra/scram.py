"""PostgreSQL's form of a password that can be checked but not read."""

import base64
import hashlib
import hmac
import os
from typing import Final

_ROUNDS: Final = 4096  # PostgreSQL's own default
_SALT_BYTES: Final = 16


class BadPassword(Exception):
    """A password that not all clients would send in the same way."""


def verifier(password: str, salt: bytes | None = None) -> str:
    """What stands in pg_authid for it, so that no log and no wire sees the password.

    https://www.postgresql.org/docs/current/catalog-pg-authid.html, RFC 5802. Raises BadPassword.
    """
    if not password or not password.isascii() or not password.isprintable():
        raise BadPassword("A password is of printable ASCII, and not empty.")
    salt = salt or os.urandom(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS)
    stored = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    keys = f"{_base64(stored)}:{_base64(_hmac(salted, b'Server Key'))}"
    return f"SCRAM-SHA-256${_ROUNDS}:{_base64(salt)}${keys}"


def _hmac(key: bytes, words: bytes) -> bytes:
    return hmac.digest(key, words, "sha256")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
