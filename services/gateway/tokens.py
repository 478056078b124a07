"""Tokens for the media socket: who brings one was sent here by a webhook's answer.

A token is bound to one stint of one call and lives for a minute. That it is good once is not kept
here but in the log: a stint begins with an append directly behind the family's newest message, so
it begins once, whichever gateway brings the token (see `journaling`).
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256

from contracts.ids import CallId


class BadToken(Exception):
    """The token does not open this call. Says why, never what was brought."""


class Tokens:
    """Issues and checks tokens. Gateways with the same secret take each other's."""

    def __init__(self, secret: bytes, ttl_s: int) -> None:
        """`secret` empty: one of this process's own."""
        self._secret, self._ttl_s = secret or secrets.token_bytes(32), ttl_s

    def issue(self, call: CallId, stint: int, now_ms: int) -> str:
        """A token for the time the call's audio flows for the `stint`-th time."""
        body = f"{now_ms // 1000 + self._ttl_s}.{secrets.token_urlsafe(9)}"
        return f"{body}.{self._seal(call, stint, body)}"

    def check(self, token: str, call: CallId, stint: int, now_ms: int) -> None:
        """Raises BadToken."""
        body, _, seal = token.rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(call, stint, body).encode()):
            raise BadToken("wrong token")
        if int(body.partition(".")[0]) * 1000 <= now_ms:
            raise BadToken("expired token")

    def _seal(self, call: CallId, stint: int, body: str) -> str:
        mac = hmac.new(self._secret, f"{call}.{stint}.{body}".encode(), sha256)
        return urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()
