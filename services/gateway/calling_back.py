"""The second way back: Twilio is told over its REST API to ask what to do with a running call.

https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource: the call's present
document is left, and the one at the address given is fetched.
"""

from typing import Any, Final

import aiohttp

_TIMEOUT_S: Final = 5.0
_NOT_FOUND: Final = 404
_NOT_IN_PROGRESS: Final = 21220  # https://www.twilio.com/docs/api/errors/21220


class CallGone(Exception):
    """The carrier has no such call any more."""


class NotCalledBack(Exception):
    """The carrier could not be told, or refused."""


class CallingBack:
    """Redirects calls of one account."""

    def __init__(self, account: str, auth_token: str, base_url: str = "") -> None:
        """`base_url`: another address of the API."""
        self._account, self._auth_token, self._base_url = account, auth_token, base_url
        self._client: Any = None  # twilio's, made at the first use: its import is slow

    @property
    def possible(self) -> bool:
        """Whether an account is configured."""
        return bool(self._account and self._auth_token)

    async def redirect(self, carrier_call: str, url: str) -> None:
        """Have the carrier ask at `url` at once. Raises CallGone, NotCalledBack."""
        from twilio.base.exceptions import TwilioException, TwilioRestException

        try:
            await self._made().calls(carrier_call).update_async(url=url, method="POST")
        except TwilioRestException as refused:
            if refused.status == _NOT_FOUND or refused.code == _NOT_IN_PROGRESS:
                raise CallGone from None
            raise NotCalledBack(f"status {refused.status}, code {refused.code}") from None
        except (TwilioException, aiohttp.ClientError, TimeoutError, OSError) as failed:
            raise NotCalledBack(type(failed).__name__) from None

    async def close(self) -> None:
        """Close the client's connections."""
        if self._client is not None:
            await self._client.http_client.close()

    def _made(self) -> Any:
        if self._client is None:
            from twilio.http.async_http_client import AsyncTwilioHttpClient
            from twilio.rest import Client

            http = AsyncTwilioHttpClient(timeout=_TIMEOUT_S)
            self._client = Client(self._account, self._auth_token, http_client=http)
            if self._base_url:
                self._client.api.base_url = self._base_url
        return self._client
