"""Tokens for the media socket: who brings one was sent here by the webhook's answer.

A token is bound to a call, lives for a minute and is good once. That it is good once is not kept
here but in the log: a call is answered under one message id, and the log takes an id only once,
whichever gateway brings it (see `answering`).
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

from contracts.ids import CallId

_WINDOW_S: Final = 110  # the log knows an id again for 120 s after the call was answered


class BadToken(Exception):
    """The token does not open this call. Says why, never what was brought."""


class Tokens:
    """Issues and checks tokens. Gateways with the same secret take each other's."""

    def __init__(self, secret: bytes, ttl_s: int) -> None:
        """`secret` empty: one of this process's own."""
        self._secret, self._ttl_s = secret or secrets.token_bytes(32), ttl_s

    def issue(self, call: CallId, now_ms: int, rang_ms: int) -> str:
        """A token for `call`, which rang at `rang_ms`.

        A webhook that is repeated long after the ring gets a token that lives shorter, so that no
        token outlives the log's memory of the call having been answered.
        """
        expires_s = min(now_ms // 1000 + self._ttl_s, rang_ms // 1000 + _WINDOW_S)
        body = f"{expires_s}.{secrets.token_urlsafe(9)}"
        return f"{body}.{self._seal(call, body)}"

    def check(self, token: str, call: CallId, now_ms: int) -> None:
        """Raises BadToken."""
        body, _, seal = token.rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(call, body).encode()):
            raise BadToken("wrong token")
        if int(body.partition(".")[0]) * 1000 <= now_ms:
            raise BadToken("expired token")

    def _seal(self, call: CallId, body: str) -> str:
        mac = hmac.new(self._secret, f"{call}.{body}".encode(), sha256)
        return urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()
