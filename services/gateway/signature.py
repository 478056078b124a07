"""Who may speak as Twilio: https://www.twilio.com/docs/usage/security

The address that was signed is the one Twilio was given, so it is built from the configured
origin: what a proxy or a client says about the host is not believed.
"""

from collections.abc import Sequence
from typing import Final

from aiohttp import web
from multidict import MultiMapping
from twilio.request_validator import HMAC_SHA256, RequestValidator, get_signature_algorithm

OVERRIDES: Final = "#ct=1000&rt=4000&rc=3&rp=all"
"""Behind our own addresses: a gateway that does not connect within 1 s or answer within 4 s, or
answers with an error, is asked no more than three times again, which a balancer sends elsewhere.
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides"""
_SIGNATURE: Final = "X-Twilio-Signature"
_SETTINGS: Final = "X-Twilio-Webhooks-Signature-Settings"


class Signatures:
    """Checks requests against the account's token, or the SharedKey where one is named."""

    def __init__(self, auth_token: str | None, shared_key: str | None, origin: str) -> None:
        """`auth_token` None: nothing is checked."""
        self._by_token = RequestValidator(auth_token) if auth_token else None
        self._by_key = RequestValidator(shared_key) if shared_key else None
        self._origin = origin

    def check_form(self, request: web.Request, form: "MultiMapping[str]") -> None:
        """Raises HTTPForbidden unless Twilio signed this webhook and all its fields.

        A fragment is never sent; the documents do not say whether it is signed, so either is taken.
        """
        url = self._origin + request.raw_path
        self._check(request, (url, url + OVERRIDES), form)

    def check_upgrade(self, request: web.Request) -> None:
        """Raises HTTPForbidden unless Twilio signed this upgrade: the wss:// address is signed."""
        self._check(request, (socket_origin(self._origin) + request.raw_path,), {})

    def _check(
        self,
        request: web.Request,
        urls: Sequence[str],
        fields: "MultiMapping[str] | dict[str, str]",
    ) -> None:
        if self._by_token is None:
            return
        algorithm = get_signature_algorithm(request.headers.get(_SETTINGS))
        validator = self._by_key if algorithm.upper() == HMAC_SHA256 else self._by_token
        signature = request.headers.get(_SIGNATURE)
        if signature is None or validator is None:
            raise web.HTTPForbidden(text="the request is not signed")
        if not any(validator.validate(url, fields, signature, algorithm) for url in urls):
            raise web.HTTPForbidden(text="the signature is wrong")


def socket_origin(origin: str) -> str:
    """The origin of a socket beside the pages of `origin`: https becomes wss, http ws."""
    return "ws" + origin.removeprefix("http")
