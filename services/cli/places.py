"""Where the servers of a command are: given, or those of the embedded stack that runs."""

import msgspec

from infra.embedded import Addresses, running
from infra.master_key import NAME
from services.cli.settings import Settings, variable


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses with credentials: not for logs."""

    nats: str
    postgres: str
    qdrant: str  # http://... or a folder
    master_key: str = ""  # file; empty: nothing is sealed, nor can be opened
    seal: bool = True  # calls that ring from now on

    def __repr__(self) -> str:
        return "Places(...)"


class NothingRuns(Exception):
    """No servers were named and no embedded stack runs. Says what to do."""


def of_stack(addresses: Addresses, settings: Settings) -> Places:
    """The embedded servers, save what the settings name otherwise."""
    return Places(
        nats=settings.nats or addresses.nats_url,
        postgres=settings.postgres or addresses.postgres_dsn,
        qdrant=settings.qdrant or str(addresses.qdrant_path),
        master_key=settings.master_key_file or _master_key(addresses, settings),
        seal=settings.seal,
    )


def find(settings: Settings, *needed: str) -> Places:
    """The servers the settings name; what of `needed` they do not name, from a running stack.

    Raises: NothingRuns.
    """
    addresses = running(settings.data)
    if addresses is not None:
        return of_stack(addresses, settings)
    for name in needed:
        if not getattr(settings, name):
            raise NothingRuns(
                f"Nothing runs on {settings.data}. Start it with 'partyline up' in another"
                f" terminal, or name the servers: --{name} or {variable(name)}."
            )
    return Places(
        nats=settings.nats,
        postgres=settings.postgres,
        qdrant=settings.qdrant,
        master_key=settings.master_key_file,
        seal=settings.seal,
    )


def _master_key(addresses: Addresses, settings: Settings) -> str:
    """The stack's own, for the stack's own log."""
    own = settings.nats in ("", addresses.nats_url)
    return str(addresses.data / NAME) if own and (addresses.data / NAME).exists() else ""
