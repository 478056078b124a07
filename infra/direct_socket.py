"""WebSocket connections to where they were asked for, and nowhere else."""

from collections.abc import Mapping
from functools import partial
from types import ModuleType
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

_CLOSE_S: Final = 2.0


class DirectConnection(ClientConnection):
    """A connection of `websockets.connect` to the server that was asked for."""

    async def handshake(self, *args: Any, **options: Any) -> None:
        """Raises InvalidStatus for a redirect as for any other refusal.

        `connect` would follow it to any host, and take the key there.
        """
        try:
            await super().handshake(*args, **options)
        except InvalidStatus as refusal:
            refusal.response.headers.pop("Location", None)
            raise


direct: Final = partial(connect, create_connection=DirectConnection)
"""As `websockets.connect`."""

# Sound does not shrink. The SDK's type for options does not know all that `connect` takes.
SDK_OPTIONS: Final[Any] = {"compression": None, "create_connection": DirectConnection}
"""For an SDK that passes options on to `websockets.connect`."""


def make_direct(*clients: ModuleType) -> None:
    """Have modules of an SDK that open sockets by themselves do it so; they have no option for it.

    As Fern generates them (Deepgram's and Sarvam's SDKs) they also use a retired part of
    `websockets`, which waits ten seconds for the goodbye of a server that never answered the
    handshake. Raises ImportError for a module that has come to open its sockets in another way.
    """
    for client in clients:
        names = _OPENERS.keys() & vars(client).keys()
        if not names:
            raise ImportError(name=f"a version of {client.__name__} that Partyline knows")
        for name in names:
            setattr(client, name, _OPENERS[name])


def _as_fern_asks(url: str, extra_headers: Mapping[str, str]) -> connect:
    # Without permessage-deflate: sound does not shrink.
    return direct(url, additional_headers=extra_headers, compression=None, close_timeout=_CLOSE_S)


_OPENERS: Final = {"websockets_client_connect": _as_fern_asks, "websocket_connect": direct}
"""By the name that an SDK's module calls them by."""
